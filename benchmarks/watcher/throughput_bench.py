"""Documents a second: the watcher with its endpoint and the real model, against a bare loop that predicts nothing.

python -m benchmarks.watcher.throughput_bench --url URL [--url URL] [--documents N] [--slices 1,2] [--page-sizes 500,1000]

    bare      point in time ──▶ page ──▶ bulk update with one constant prediction of the usual size      in T threads
    watcher   `oversight watch --once --slices T`, and `oversight serve` with the shipped model

Both read the same pages of the same documents with the same client, compare and set, and run in turns on indices that
are made anew each time. The bare loop is run at every page size; the ratio is that of the watcher at its own page
size to the bare loop's best. Without --url it says how to start an engine. Indices of its own, deleted at the end.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from elasticsearch import Elasticsearch

from benchmarks.enrich_service.reasons_bench import documents, simulated
from contract.fields import FIELDS, properties, stream_name
from oversight.children import Children, answers
from oversight.cluster import client
from oversight.ports import free_port
from oversight.settings import DEFAULT_MODEL, ElasticsearchSettings
from watcher.actions import Action, operations
from watcher.config import Outcome
from watcher.poll import pages

LOAD_PAGE = 2_000
START_WAIT_S = 60.0


def main() -> None:
    """Print one table for each engine."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", action="append", default=[], help="an engine; may be given several times")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2, help="runs of each, in turns")
    parser.add_argument("--slices", default="1,2", help="threads of the bare loop, and slices of the watcher")
    parser.add_argument("--page-sizes", default="500,1000,2000", help="of the bare loop")
    parser.add_argument("--watch-page", type=int, default=1_000, help="page size of the watcher")
    arguments = parser.parse_args()
    if not arguments.url:
        sys.stdout.write("no engine: name one with --url http://127.0.0.1:9200 (nothing but own indices is touched)\n")
        return
    sources = pending(arguments.documents)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as enrich_url:
        for url in arguments.url:
            _table(url, enrich_url, sources, arguments)


def _table(url: str, enrich_url: str, sources: Sequence[Mapping[str, Any]], arguments: argparse.Namespace) -> None:
    with client(ElasticsearchSettings(url=url)) as es:
        constant = usual_prediction(enrich_url, sources)
        version = es.info()["version"]
        engine = version.get("lucene_version", "?")
        sys.stdout.write(
            f"\n{url} (Lucene {engine}), {len(sources)} documents, constant of {len(orjson.dumps(constant))} bytes, "
            f"load {os.getloadavg()[0]:.1f}\n\n| threads | bare, best (page) | watcher | ratio | median ratio of rounds |\n"
            "|---|---|---|---|---|\n"
        )
        sizes = [int(size) for size in arguments.page_sizes.split(",")]
        for slices in (int(count) for count in arguments.slices.split(",")):
            bare: dict[int, list[float]] = {size: [] for size in sizes}
            watched: list[float] = []
            for _ in range(arguments.rounds):
                for size in sizes:
                    bare[size].append(
                        _timed(es, sources, lambda index, s=size, n=slices: bare_loop(es, index, constant, s, n))
                    )
                watched.append(
                    _timed(es, sources, lambda index, n=slices: watch(url, enrich_url, index, n, arguments.watch_page))
                )
            best = max(sizes, key=lambda size: max(bare[size]))
            of_rounds = [mine / max(bare[size][turn] for size in sizes) for turn, mine in enumerate(watched)]
            sys.stdout.write(
                f"| {slices} | {max(bare[best]):,.0f}/s ({best}) | {max(watched):,.0f}/s | "
                f"{max(watched) / max(bare[best]):.2f} | {statistics.median(of_rounds):.2f} |\n"
            )
            sys.stdout.flush()


def pending(count: int) -> list[dict[str, Any]]:
    """Documents of the simulator as the pipeline leaves them, as many as are asked for."""
    import numpy as np

    rows = documents(simulated(), np.arange(min(count, 10_000)))
    arrival = "2026-01-01T00:{:02d}:{:02d}.{:03d}Z"
    return [
        {
            "@timestamp": arrival.format(n // 60_000 % 60, n // 1000 % 60, n % 1000),
            "event": {
                "original": f"{n},tcp,http,SF" + ",0.00" * 37, "kind": "event", "category": ["network"],
                "ingested": arrival.format(n // 60_000 % 60, n // 1000 % 60, n % 1000), "module": "oversight",
            },
            "oversight": {"status": "pending"},
            **rows[n % len(rows)].source,
        }
        for n in range(count)
    ]  # fmt: skip


def usual_prediction(enrich_url: str, sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The partial document of middle size among the first thousand."""
    page = [{"id": str(n), "source": {"kdd99": source["kdd99"]}} for n, source in enumerate(sources[:1000])]
    request = urllib.request.Request(  # noqa: S310  our own loopback address
        f"{enrich_url}/v1/enrich", orjson.dumps({"documents": page}), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        results = orjson.loads(answer.read())["results"]
    found = sorted((result["fields"] for result in results), key=lambda fields: len(orjson.dumps(fields)))
    fields: dict[str, Any] = found[len(found) // 2]
    fields["oversight"]["status"] = "enriched"
    fields["oversight"]["prediction"]["at"] = "2026-01-01T00:00:00.000Z"
    return fields


def _timed(es: Elasticsearch, sources: Sequence[Mapping[str, Any]], work: Any) -> float:
    """Documents a second of some work over an index made anew."""
    index = stream_name(f"bench{uuid.uuid4().hex[:8]}")
    mapping = properties(FIELDS) | {
        "kdd99": {
            "properties": {
                name: {"type": "keyword" if isinstance(value, str) else "float"}
                for name, value in sources[0]["kdd99"].items()
            }
        }
    }
    es.indices.create(
        index=index, mappings={"dynamic": False, "properties": mapping},
        settings={"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "5s"},
    )  # fmt: skip
    try:
        for start in range(0, len(sources), LOAD_PAGE):
            lines: list[Mapping[str, Any]] = []
            for n, source in enumerate(sources[start : start + LOAD_PAGE], start):
                lines += [{"create": {"_index": index, "_id": f"doc-{n}"}}, source]
            es.bulk(operations=lines, filter_path="errors")
        es.indices.refresh(index=index)
        took_s = work(index)
        es.indices.refresh(index=index)
        left = int(es.count(index=index, query={"term": {"oversight.status": "pending"}})["count"])
        if left:
            raise SystemExit(f"{left} documents are still pending: the figure would be wrong")
    finally:
        es.indices.delete(index=index)
    return len(sources) / float(took_s)


def bare_loop(es: Elasticsearch, index: str, constant: Mapping[str, Any], size: int, threads: int) -> float:
    """Seconds that reading every page and writing the constant takes."""

    def lane(number: int) -> None:
        part = None if threads == 1 else (number, threads)
        for page in pages(es, index, fields=["kdd99"], page_size=size, keep_alive_s=120.0, part=part):
            es.bulk(operations=operations([Action(hit, constant, Outcome.ENRICHED) for hit in page]), filter_path=BRIEF)

    begin = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lane, range(threads)))
    return time.perf_counter() - begin


BRIEF = "items.*.status,items.*._seq_no,items.*.error"


def watch(url: str, enrich_url: str, index: str, slices: int, page_size: int) -> float:
    """Seconds from the first batch to the end of a real watcher, without its start."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OVERSIGHT_", "ELASTICS"))}
    environment |= {
        "ELASTICSEARCH_URL": url, "OVERSIGHT_ENRICH_URL": enrich_url, "OVERSIGHT_INDEX": index,
        "OVERSIGHT_WATCH_PAGE_SIZE": str(page_size), "OVERSIGHT_WATCH_HEARTBEAT_S": "0",
    }  # fmt: skip
    words = ["watch", "--once", "--json"]
    words += ["--slices", str(slices)] if slices > 1 else []
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "oversight", *words], cwd=folder, env=environment | {"PYTHONPATH": str(Path.cwd())},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    times = [_when(line) for line in done.stderr.splitlines() if '"start"' in line or '"end"' in line]
    return times[-1] - times[0]


def _when(line: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(orjson.loads(line)["@timestamp"]).timestamp()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Address of a real enrich service with the shipped model."""
    children, port = Children(folder), free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OVERSIGHT_")}
    command = [sys.executable, "-m", "oversight", "serve", "--bind", f"127.0.0.1:{port}", "--model", str(DEFAULT_MODEL)]
    child = children.start(command, log=folder / "serve.log", env=environment | {"PYTHONPATH": str(Path.cwd())})
    try:
        if not answers(f"{url}/v2/health/ready", child, within_s=START_WAIT_S):
            raise SystemExit((folder / "serve.log").read_text(encoding="utf-8")[-2000:])
        yield url
    finally:
        children.stop_all()


if __name__ == "__main__":
    main()
