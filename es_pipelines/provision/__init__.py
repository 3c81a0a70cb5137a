"""`oversight provision`: preflight, plan, apply, removal.

The wanted resources in, a report out. May import the other folders of `es_pipelines`, `common` and `contract`.
"""
