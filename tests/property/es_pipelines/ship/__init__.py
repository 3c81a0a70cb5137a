"""Property tests of shipping."""
