"""The artifact and the model folder: read, checked, opened.

A path in, a model that answers out. May import `contract`.
"""
