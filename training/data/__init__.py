"""KDD Cup 99 as arrays: read, split and encode it.

Files in, NumPy arrays out. May import `contract`.
"""
