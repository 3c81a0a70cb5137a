"""Measurements, printed side by side; what they gave stands in docs/benchmarks.md."""
