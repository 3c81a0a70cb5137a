"""Roles and API keys, one for each part, and the files with the keys.

May import `es_pipelines.cluster`, `common` and `contract`.
"""
