"""What the metrics cost, with drift: the time to count a page beside the time to answer it.

python -m benchmarks.enrich_service.metrics_bench [--model FILE]

The counters are in files, as they are when several workers share them. The two are timed in turns, and the fastest time
of each counts.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from contract.documents.paths import nest
from enrich_service.http.telemetry import telemetry_folder

ROUNDS = 15


def main() -> None:
    """Measure pages of 1,000 and of one document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    with telemetry_folder(Path(tempfile.gettempdir())) as folder:
        sys.stdout.write("\n".join(measure(options.model, folder)) + "\n")


def measure(model: Path | None, folder: Path) -> list[str]:
    """The results as a table in Markdown."""
    # prometheus_client reads the environment at its import
    from common.settings.shared import DEFAULT_MODEL
    from enrich_service import request_body
    from enrich_service.http.metrics import Metrics
    from enrich_service.model.artifact import load
    from enrich_service.predict.enrich import Enricher

    artifact, metrics, seen = load(model or DEFAULT_MODEL), Metrics(folder), list[Any]()
    count = metrics.serves(artifact.contract, artifact.version)
    source = nest({feature.field: feature.background for feature in artifact.contract.features})
    profiled = sum(bool(feature.profile_edges or feature.usual_shares) for feature in artifact.contract.features)
    lines = [
        f"{artifact.contract.name} {artifact.version}, {profiled} features with a profile\n",
        "| documents | decoded, predicted and encoded, ms | counted, ms | share |",
        "|---|---|---|---|",
    ]
    for n in (1000, 1):
        body = orjson.dumps({"documents": [{"id": str(number), "source": source} for number in range(n)]})
        plain = Enricher(artifact, cache_bytes=0)  # the page is one document many times
        seen.clear()
        Enricher(artifact, on_enriched=lambda *page: seen.append(page)).enrich(
            request_body.documents(body, max_documents=n)
        )

        def answer(plain: Enricher = plain, body: bytes = body, n: int = n) -> None:
            request_body.dump_json(plain.enrich(request_body.documents(body, max_documents=n)))

        def counted(n: int = n) -> None:
            metrics.request_began()
            count(*seen[0])
            metrics.page_ended(n, {})
            metrics.request_ended("/v1/enrich", 200, 0.01, None)

        best = fastest_s(answer, counted)
        lines.append(f"| {n:,} | {best[0] * 1e3:.3f} | {best[1] * 1e3:.3f} | {best[1] / best[0]:.1%} |")
    return lines


def fastest_s(*parts: Callable[[], None]) -> list[float]:
    """Seconds for one call of each: the fastest of `ROUNDS` rounds of 50 calls, in turns."""
    best = [float("inf")] * len(parts)
    for _ in range(ROUNDS):
        for place, part in enumerate(parts):
            began = time.perf_counter()
            for _ in range(50):
                part()
            best[place] = min(best[place], (time.perf_counter() - began) / 50)
    return best


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
