"""The contract that an artifact carries: read strictly from JSON, checked as a whole, applied to a model's output.

May import the standard library, NumPy and `contract`.
"""
