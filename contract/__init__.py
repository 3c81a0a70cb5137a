"""The contract between all parts: document fields, features, artifact metadata, HTTP messages, errors.

Every folder may import this one. It imports none of them, and from outside only NumPy and msgspec.
"""
