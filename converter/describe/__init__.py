"""Write the contract of your data: what each column is, what is usual, which labels there are.

May import NumPy, `common` and `contract`, no TensorFlow. Goes in: a sample of rows. Comes out: a `ModelContract`, and
what was left out with the reason.
"""
