"""Benchmarks that print their results side by side; docs/benchmarks.md records the results."""
