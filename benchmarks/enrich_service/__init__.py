"""Benchmarks of the enrich service, of its reasons, and a fuzzer."""
