"""Dry run: how files would be read, and what the pipelines would do with every row, without storing anything."""
