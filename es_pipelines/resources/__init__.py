"""Each kind of resource: how it is read, compared, created and removed; and the list of what one installation needs.

May import `es_pipelines.cluster`, `es_pipelines.definition`, `es_pipelines.security`, `common` and `contract`.
"""
