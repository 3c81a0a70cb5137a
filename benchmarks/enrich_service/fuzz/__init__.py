"""Fuzzing of the enrich service: bodies and connections that no sane client sends."""
