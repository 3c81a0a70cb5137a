"""Tests of what the enrich service and the console share."""
