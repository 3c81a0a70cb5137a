"""The routes of the enrich service: access checks, responses, metrics, the OpenAPI description.

Bytes in, bytes out. May import the other folders of `enrich_service`, `common` and `contract`.
"""
