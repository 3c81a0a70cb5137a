"""The ingest pipelines, one file each; `es_pipelines/files.py` reads them."""
