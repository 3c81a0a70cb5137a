"""Benchmarks of the watcher: throughput, latency and memory, compared with what the cluster can do."""
