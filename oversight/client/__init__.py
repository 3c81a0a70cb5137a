"""The Elasticsearch client of all commands: connection, JSON, and checks of the responses.

May import `common` and `contract`.
"""
