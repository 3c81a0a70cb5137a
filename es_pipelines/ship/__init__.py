"""`oversight ship`: ship files and standard input to the data stream, every line once.

Lines in, bulk requests and a report out. May import `es_pipelines.reading`, `common` and `contract`.
"""
