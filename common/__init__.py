"""Helpers that every part may use, so that the parts do not each write them again.

Every part may import this package. It imports `contract` and libraries, and no part.
"""
