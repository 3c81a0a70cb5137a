"""Benchmarks of the commands that write contracts and artifacts."""
