"""Export a Keras model as one ONNX graph that reads the artifact's inputs and gives its outputs.

May import Keras, TensorFlow, tf2onnx, onnx and `contract`. In: a model and a contract. Out: a graph.
"""
