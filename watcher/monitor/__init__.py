"""Reports about a watcher: logs on changes of state, metrics, health, heartbeat.

May import `watcher.enrich`, `watcher.read`, `common` and `contract`.
"""
