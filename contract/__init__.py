"""The words that all parts share: document fields, features, artifact metadata, errors.

Every folder may import this one; it imports nothing of theirs, and NumPy at most from outside.
"""
