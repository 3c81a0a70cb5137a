"""Settings and the index template of the stream; `es_pipelines/resources/desired.py` reads them."""
