"""Pending documents -> enrich service -> bulk update."""
