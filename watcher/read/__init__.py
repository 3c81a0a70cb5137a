"""Reads pending documents: pages of a point in time, their size, slices, and what is remembered between rounds.

May import `common` and `contract`.
"""
