"""Helpers that know no part: what the parts would otherwise each write again.

Every part may import this package; it imports `contract` and libraries, and no part.
"""
