"""Prove that a model is wired as its author meant it: by known labels, or by the outputs of the author's own program.

May import NumPy, SciPy, onnx, `common` and `contract`. In: a graph and rows. Out: figures, the cause of a
difference, and the artifact's file.
"""
