"""Train the networks and join them into the model that is shipped.

Arrays in, a Keras model out. May import `training.data` and `contract`.
"""
