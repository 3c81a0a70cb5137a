"""The contract inside an artifact: read strictly, checked as a whole, and applied to a model's output.

May import the standard library, NumPy and `contract`.
"""
