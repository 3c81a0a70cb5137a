"""Read model files of every form, without running code from them.

May import Keras, TensorFlow, `common` and `contract`. In: a file or folder. Out: a Keras model, or a `TensorModel`.
"""
