"""The definition of the ingest pipelines: files, scripts and the parameters that come from the model's contract.

A contract in, request bodies out. May import `contract`.
"""
