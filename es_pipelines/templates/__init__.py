"""Settings and the index template of the stream; `es_pipelines/resources.py` reads them."""
