"""The command `python -m benchmarks.enrich_service.fuzz`."""

from __future__ import annotations

from benchmarks.enrich_service.fuzz.service import main

main()
