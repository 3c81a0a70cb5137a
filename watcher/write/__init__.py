"""Writes results: bulk actions, retries, suppression of alerts.

Results go in, outcomes come out. May import `watcher.read`, `watcher.enrich`, `common` and `contract`.
"""
