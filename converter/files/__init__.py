"""Read model files of several forms, without running code from them."""
