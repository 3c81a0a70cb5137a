"""Analysts' verdicts: for one event, for several, or for everything that a query matches; and how to undo them.

The loop never imports this folder. May import the other folders of `watcher`, `common` and `contract`.
"""
