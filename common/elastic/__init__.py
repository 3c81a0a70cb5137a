"""What every part needs of Elasticsearch: bounded responses, the state of indices, errors in words.

May import `contract`.
"""
