"""Benchmarks of the sensor: the feature engine."""
