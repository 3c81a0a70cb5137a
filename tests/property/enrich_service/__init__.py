"""Property tests of the enrich service."""
