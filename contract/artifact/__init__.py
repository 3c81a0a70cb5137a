"""The contract inside an artifact: strict reading from JSON, checks of the whole, and the verdict from a model's
output.

May import the standard library, NumPy and `contract`.
"""
