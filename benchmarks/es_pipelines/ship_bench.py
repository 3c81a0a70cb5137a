"""Lines a second: `oversight ship` compared with elasticsearch.helpers.parallel_bulk at its best settings.

python -m benchmarks.es_pipelines.ship_bench --url URL [--lines N] [--rounds N]
    [--threads 1,2,4,8] [--chunks 500,1000,2000]

    parallel_bulk       the raw lines as `message`, through the same pipelines, with `create`, no ids, no registry
    the same documents  parallel_bulk with the ids and the envelope of `oversight ship`: what these cost the engine
    oversight ship      the command, without the start of its process: ids, offsets, a registry on disk
    long way alone      the same into pipelines whose script `plain-row` is switched off

All run in turns, and each run writes to a new stream. The benchmark first searches the best settings of parallel_bulk
on a part of the lines. It creates its own streams and pipelines and deletes them at the end.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson
from elasticsearch import Elasticsearch
from elasticsearch.helpers import parallel_bulk

from benchmarks.es_pipelines.pipeline_bench import raw_lines, without_short_way
from benchmarks.es_pipelines.removal import remove
from common.settings.connections import ElasticsearchSettings
from common.settings.shared import DEFAULT_MODEL
from contract.documents.fields import stream_name
from enrich_service.model.model_file import read_contract
from es_pipelines.definition.parameters import pipeline_id
from es_pipelines.provision.apply import provision
from es_pipelines.reading.lines import Line
from es_pipelines.ship.events import Identity, event_of
from oversight.client.cluster import client

SEARCHED_LINES = 20_000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", help="an engine with ingest pipelines and data streams")
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", default="1,2,4,8", help="threads of parallel_bulk")
    parser.add_argument("--chunks", default="500,1000,2000", help="chunk sizes of parallel_bulk")
    arguments = parser.parse_args()
    if not arguments.url:
        sys.stdout.write("no engine: name one with --url http://127.0.0.1:9200 (only its own streams are touched)\n")
        return
    lines = [line.decode() for line in raw_lines(arguments.lines)]
    with client(ElasticsearchSettings(url=arguments.url)) as es, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "alpha.csv"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        namespace = f"bench{uuid.uuid4().hex[:8]}"
        try:
            _compare(es, arguments, lines, path, namespace)
        finally:
            remove(es, namespace)


def _compare(
    es: Elasticsearch, arguments: argparse.Namespace, lines: Sequence[str], path: Path, namespace: str
) -> None:
    searched = lines[: min(len(lines), SEARCHED_LINES)]
    grid = itertools.product(map(int, arguments.threads.split(",")), map(int, arguments.chunks.split(",")))
    timed_bulk(es, namespace, searched, 2, 1_000)  # warms the engine's compiler up
    found = {place: timed_bulk(es, namespace, searched, *place) for place in grid}
    threads, chunk = max(found, key=lambda place: found[place])
    bulk, same, shipped, long = [], [], [], []
    for _ in range(arguments.rounds):
        bulk.append(timed_bulk(es, namespace, lines, threads, chunk))
        same.append(timed_bulk(es, namespace, lines, threads, chunk, whole=True))
        shipped.append(timed_ship(es, arguments.url, namespace, path, len(lines)))
        long.append(timed_ship(es, arguments.url, namespace, path, len(lines), short_way=False))
    sys.stdout.write(
        f"{len(lines)} lines, {arguments.rounds} rounds, load {os.getloadavg()[0]:.1f}; parallel_bulk at its best of "
        f"{len(found)} settings: {threads} threads, chunks of {chunk}\n\n"
        "| | lines/s, fastest (median) | ratio of oversight ship, fastest (median of the rounds) |\n|---|---|---|\n"
    )
    for name, rates in (
        ("parallel_bulk", bulk),
        ("the same documents", same),
        ("oversight ship", shipped),
        ("long way alone", long),
    ):
        ratios = [mine / theirs for mine, theirs in zip(shipped, rates, strict=True)]
        sys.stdout.write(
            f"| {name} | {max(rates):,.0f} ({statistics.median(rates):,.0f}) | "
            f"{max(shipped) / max(rates):.2f} ({statistics.median(ratios):.2f}) |\n"
        )


def _recreated(es: Elasticsearch, namespace: str) -> str:
    remove(es, namespace)
    provision(es, read_contract(DEFAULT_MODEL), namespace=namespace)
    return stream_name(namespace)


def _check(es: Elasticsearch, stream: str, lines: int) -> None:
    es.indices.refresh(index=stream)
    found = int(es.count(index=stream)["count"])
    if found != lines:
        raise SystemExit(f"found {found} documents, expected {lines}; the figure would be wrong")


def timed_bulk(
    es: Elasticsearch, namespace: str, lines: Sequence[str], threads: int, chunk: int, *, whole: bool = False
) -> float:
    """Lines a second of parallel_bulk; with `whole` it sends the documents of `oversight ship`."""
    stream = _recreated(es, namespace)
    create = {"_op_type": "create", "_index": stream}
    actions: Iterable[dict[str, Any]] = ({**create, "message": line} for line in lines)
    if whole:
        identity = Identity("alpha", "alpha", "alpha.csv", "/var/log/sensor/alpha.csv", 0, "sensor-1")
        events = [event_of(identity, Line(at, line.encode(), at)) for at, line in enumerate(lines)]
        actions = ({**create, "_id": event.id, **orjson.loads(event.source)} for event in events)
    begin = time.perf_counter()
    for ok, item in parallel_bulk(es, actions, thread_count=threads, chunk_size=chunk, raise_on_error=False):
        if not ok:
            raise SystemExit(f"the engine rejected a document of parallel_bulk: {item}")
    took_s = time.perf_counter() - begin
    _check(es, stream, len(lines))
    return len(lines) / took_s


def timed_ship(es: Elasticsearch, url: str, namespace: str, path: Path, lines: int, *, short_way: bool = True) -> float:
    """Lines a second of the command, by its own clock: without the start of its process."""
    stream = _recreated(es, namespace)
    if not short_way:
        router = pipeline_id("router", namespace)
        body = es.ingest.get_pipeline(id=router)[router]
        es.ingest.put_pipeline(id=router, body=without_short_way({router: body})[router])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OVERSIGHT_", "ELASTICS"))}
    with tempfile.TemporaryDirectory() as state:
        environment |= {"ELASTICSEARCH_URL": url, "OVERSIGHT_NAMESPACE": namespace, "OVERSIGHT_STATE": state}
        done = subprocess.run(
            [sys.executable, "-m", "oversight", "ship", "--json", str(path)],
            cwd=state,
            capture_output=True,
            check=True,
            env=environment | {"PYTHONPATH": str(Path.cwd())},
        )
    _check(es, stream, lines)
    return lines / float(orjson.loads(done.stdout)["seconds"])


if __name__ == "__main__":
    main()
