"""Tests of the enrich service."""
