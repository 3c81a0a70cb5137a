"""Keras model -> one ONNX graph, checked against the original."""
