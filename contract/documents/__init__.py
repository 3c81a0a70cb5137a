"""The fields of a stored document: names, types, spellings, and the few values with their own format.

May import the standard library and `contract`.
"""
