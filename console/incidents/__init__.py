"""The page of incidents: its list, and the details of one incident.

May import the other folders of `console`, `watcher.incidents`, `common` and `contract`.
"""
