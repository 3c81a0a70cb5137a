"""Turn ONNX models of other tools into artifacts.

May import onnx, ONNX Runtime, `common` and `contract`. In: an ONNX file and a contract. Out: an artifact.
"""
