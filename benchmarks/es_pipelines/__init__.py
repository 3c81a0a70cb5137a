"""Benchmarks of the ingest pipelines, of `oversight provision` and of `oversight ship`."""
