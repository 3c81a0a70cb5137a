"""KDD Cup 99 as arrays: reading, splitting, encoding.

Files in, NumPy arrays out. May import `contract`.
"""
