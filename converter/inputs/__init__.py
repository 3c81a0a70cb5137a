"""Bring the features of a contract to the inputs of a model."""
