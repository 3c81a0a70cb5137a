"""Measures what writes contracts and artifacts."""
