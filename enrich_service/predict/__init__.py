"""From documents to partial documents: features, inference, reasons, drift, shadow.

Knows no HTTP. May import `enrich_service.model` and `contract`.
"""
