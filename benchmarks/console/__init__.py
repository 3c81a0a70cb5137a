"""Measurements of the console."""
