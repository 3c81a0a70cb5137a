"""Benchmarks of the console, and sample documents for it."""
