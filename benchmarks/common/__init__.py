"""Benchmarks of the HTTP server that the enrich service and the console share."""
