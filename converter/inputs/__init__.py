"""Bring the features of a contract to the inputs of a model.

May import onnx, ONNX Runtime and `contract`, no TensorFlow. In: a contract and the model's inputs. Out: ONNX nodes.
"""
