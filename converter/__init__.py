"""Convert a Keras model to one ONNX graph, and check it against the original."""
