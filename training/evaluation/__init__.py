"""Score an artifact on labelled records.

May import `training.data` and `contract`.
"""
