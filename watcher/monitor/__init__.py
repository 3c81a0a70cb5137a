"""What a watcher reports: logs on a change of state, metrics, health, its heartbeat.

May import `watcher.enrich`, `watcher.read`, `common` and `contract`.
"""
