"""The files of deploy/ in use."""
