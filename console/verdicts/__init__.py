"""Verdicts on the page: sign-in by person, and the only routes that write.

May import `watcher.verdicts`, the other folders of `console`, `common` and `contract`.
"""
