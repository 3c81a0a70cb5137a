"""KDD Cup 99 rows -> Keras model and its evaluation."""
