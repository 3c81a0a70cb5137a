"""The Open Inference Protocol, version 2: raw input tensors in, output tensors out.

May import `enrich_service.predict`, `enrich_service.model`, `enrich_service.request_body`, `common` and `contract`.
"""
