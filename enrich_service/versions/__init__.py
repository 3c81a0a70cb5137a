"""Versions of a model: the store, a switch while the service runs, the trial of a new version.

May import `enrich_service.model`, `enrich_service.predict` and `contract`.
"""
