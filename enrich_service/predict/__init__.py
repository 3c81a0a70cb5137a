"""From the documents of a request to their results: features, inference, reasons, drift, shadow.

Knows no HTTP. May import `enrich_service.model` and `contract`.
"""
