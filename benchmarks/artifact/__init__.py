"""Benchmarks of the artifact, and a fuzzer of the check that guards it."""
