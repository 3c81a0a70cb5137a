"""The way to the enrich service: its client, its checked responses, the size of a batch, and bisection when a batch
fails.

Hits in, results out. May import `watcher.read`, `common` and `contract`.
"""
