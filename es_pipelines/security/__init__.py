"""Roles and API keys, one for each part, and the files that hold the keys.

May import `es_pipelines.cluster`, `common` and `contract`.
"""
