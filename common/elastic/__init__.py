"""What every part needs to talk to Elasticsearch: bounded responses, state of indices, error messages.

May import `contract`.
"""
