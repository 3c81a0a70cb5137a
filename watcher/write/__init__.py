"""Writing results: bulk actions, retries, suppression of alerts.

Results in, outcomes out. May import `watcher.read`, `watcher.enrich`, `common` and `contract`.
"""
