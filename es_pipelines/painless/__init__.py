"""The scripts of the pipelines, one file each; `es_pipelines/definition/pipeline_files.py` reads them."""
