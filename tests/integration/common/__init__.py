"""Tests of code that the enrich service and the console share."""
