"""KDD Cup 99: its columns, labels and attacks.

May import the standard library and `contract`.
"""
