"""The fields of a stored document: names, types, spellings, and the few values with a format of their own.

May import the standard library and `contract`.
"""
