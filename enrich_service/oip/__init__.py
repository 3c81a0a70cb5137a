"""The Open Inference Protocol, version 2: raw input tensors in, output tensors out.

May import `enrich_service.predict`, `enrich_service.model`, `common` and `contract`.
"""
