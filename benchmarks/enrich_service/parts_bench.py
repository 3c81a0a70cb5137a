"""How long each part of a request takes, in one process and one thread.

python -m benchmarks.enrich_service.parts_bench [--data FILE] [--model FILE]

    bytes ──▶ documents ──▶ features ──▶ predicted ──▶ reasons ──▶ partial documents ──▶ bytes, then freed
    bytes ──▶ the whole application, with a new row and with a known row ──▶ bytes

The table shows the processor time of each part: the median of many pages, without the cache. It leaves HTTP out;
`throughput_bench` measures HTTP with applications that do nothing else.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial as partial_of
from pathlib import Path
from typing import Any

from flask import Flask

from benchmarks.enrich_service.load.traffic import rows_of, traffic
from common.settings.shared import DEFAULT_MODEL
from contract.wire import EnrichResponse, Result
from enrich_service import garbage, request_body
from enrich_service.http.app import create_app
from enrich_service.http.paths import ENRICH_PATH
from enrich_service.model.artifact import Artifact, load
from enrich_service.predict.features import FeatureReader
from enrich_service.predict.partial_documents import PartialDocuments
from enrich_service.predict.predict import Predictor
from enrich_service.predict.reasons import Explainer
from enrich_service.settings import ServeSettings

PAGES, ROUNDS = 20, 3
SINGLES = 400


class Times:
    """Seconds of processor time by part."""

    def __init__(self) -> None:
        self.found: dict[str, list[float]] = {}

    def of(self, part: str, work: Callable[[], Any]) -> Any:
        """Call `work` and record its time."""
        began = time.thread_time()
        result = work()
        self.found.setdefault(part, []).append(time.thread_time() - began)
        return result

    def us(self, part: str) -> float:
        """Median time of a part, in microseconds."""
        return statistics.median(self.found[part]) * 1e6


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="labelled KDD Cup 99 file; without it the simulator's rows")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, help="artifact")
    arguments = parser.parse_args()
    artifact, (records, rows) = load(arguments.model), rows_of(arguments.data)
    mixes = {
        mix: traffic(records, mix, artifact.contract, pages=PAGES).bodies for mix in ("normal", "natural", "attacks")
    }
    singles = traffic(records, "natural", artifact.contract, pages=SINGLES, size=1).bodies
    garbage.settle()
    columns = {f"{mix}, 1,000": _parts(artifact, bodies) for mix, bodies in mixes.items()}
    columns["one document"] = _parts(artifact, singles)
    names = list(next(iter(columns.values())).found)
    alone = "of which the graph"
    sys.stdout.write(
        f"rows of {rows}, µs of processor time\n\n| part | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}\n"
    )
    for name in names:
        sys.stdout.write(f"| {name} | {' | '.join(f'{times.us(name):,.0f}' for times in columns.values())} |\n")
    sums = [sum(times.us(name) for name in names if name != alone) for times in columns.values()]
    sys.stdout.write(f"| together | {' | '.join(f'{total:,.0f}' for total in sums)} |\n")
    _whole(artifact, singles)


def _parts(artifact: Artifact, bodies: list[bytes]) -> Times:
    contract, times = artifact.contract, Times()
    reader, predictor, explainer = FeatureReader(contract), Predictor(artifact), Explainer(artifact)
    partial = PartialDocuments(contract, artifact.version)
    for body in bodies * ROUNDS:
        page = times.of("cut into documents", partial_of(request_body.documents, body, max_documents=10_000))
        rows = times.of("decoded and read", partial_of(reader.read, page.sources))
        found = times.of("predicted", partial_of(predictor.predict, rows))
        times.of("of which the graph", partial_of(artifact.run, rows.numeric, rows.categorical))
        flagged = (found.attack | found.unknown).nonzero()[0]
        of_flagged = rows.numeric[flagged], rows.categorical[flagged], found.closest[flagged], found.unknown[flagged]
        texts = times.of("reasons", partial_of(explainer.reasons, *of_flagged))
        reasons = dict(zip(flagged.tolist(), texts, strict=True))
        fields = times.of("partial documents", partial_of(partial.of, found, partial.kinds(found), reasons))
        results = list(map(Result, page.ids, fields))
        times.of("encoded", partial_of(request_body.dump_json, EnrichResponse(partial.model, results)))
        times.of("freed", results.clear)
    return times


def _whole(artifact: Artifact, singles: list[bytes]) -> None:
    """Print how long the whole application takes for one document, in the cache or not."""
    sys.stdout.write("\n| one document, the whole application | µs |\n|---|---|\n")
    for name, cache_bytes, bodies in (("new row", 0, singles), ("known row", 1 << 20, singles[:1] * SINGLES)):
        app, times = create_app(artifact, ServeSettings(cache_bytes=cache_bytes, access_log=False)), Times()
        for body in bodies:
            times.of("all", partial_of(_ask, app, body))
        sys.stdout.write(f"| {name} | {times.us('all'):,.0f} |\n")


def _ask(app: Flask, body: bytes) -> bytes:
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": ENRICH_PATH,
        "SERVER_NAME": "x",
        "HTTP_HOST": "127.0.0.1",
        "SERVER_PORT": "1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
    }
    return b"".join(app(environ, lambda _status, _headers, _error=None: lambda _data: None))


if __name__ == "__main__":
    main()
