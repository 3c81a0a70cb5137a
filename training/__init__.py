"""Train a Keras model on KDD Cup 99 records and evaluate it."""
