"""Reads pending documents, asks the enrich service for predictions, and writes them back with bulk updates."""
