"""Talks to the enrich service: client, checked responses, batch size, and bisection when a batch fails.

Hits go in, results come out. May import `watcher.read`, `common` and `contract`.
"""
