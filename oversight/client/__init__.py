"""The Elasticsearch client of all commands: connection, JSON, and checks of what answers.

May import `common` and `contract`.
"""
