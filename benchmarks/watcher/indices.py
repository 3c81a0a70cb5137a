"""Indices with pending documents: loaded once, then cloned for each run of a benchmark.

documents of the simulator ──▶ loaded once ──▶ `_clone`: the same segments for each run, without loading ──▶ deleted
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import orjson
from elasticsearch import Elasticsearch

from benchmarks.enrich_service.load.traffic import simulated
from benchmarks.enrich_service.reasons_bench import documents
from common.json_bytes import dump
from contract.documents.datasets import CONNECTION, event_dataset
from contract.documents.fields import ECS_VERSION, FIELDS, PENDING, STATUS, properties, stream_name

LOAD_PAGE, LOAD_THREADS = 2_000, 2
REFRESH = "5s"


def kdd_rows(count: int) -> list[dict[str, Any]]:
    """Features of the simulator's traffic, by their KDD Cup 99 names."""
    import numpy as np

    return [orjson.loads(source)["kdd99"] for source in documents(simulated(), np.arange(count)).sources]


def pending(rows: Sequence[Mapping[str, Any]], number: int) -> dict[str, Any]:
    """Pending document with this number, with all fields that the pipeline writes for a line of `oversight ship`."""
    clock = f"00:{number // 60_000 % 60:02d}:{number // 1000 % 60:02d}.{number % 1000:03d}"
    arrival = f"2026-01-{1 + number // 3_600_000:02d}T{clock}Z"
    row = rows[number % len(rows)]
    sent, received = int(row["src_bytes"]), int(row["dst_bytes"])
    return {
        "@timestamp": arrival,
        "ecs": {"version": ECS_VERSION},
        "data_stream": {"type": "logs", "dataset": event_dataset(CONNECTION), "namespace": "bench"},
        "event": {
            "original": ",".join(value if isinstance(value, str) else f"{value:g}" for value in row.values()),
            "kind": "event",
            "category": ["network"],
            "type": ["connection"],
            "ingested": arrival,
            "duration": int(row["duration"] * 1e9),
            "module": "oversight",
            "dataset": event_dataset(CONNECTION),
        },
        "host": {"name": "sensor"},
        "observer": {"name": "alpha"},
        "user": {"id": "alpha"},
        "log": {"file": {"path": "/var/log/sensor/alpha.csv"}, "offset": 140 * number},
        "network": {"transport": row["protocol_type"], "protocol": row["service"], "bytes": sent + received},
        "source": {"bytes": sent},
        "destination": {"bytes": received},
        "oversight": {"status": PENDING},
        "kdd99": row,
    }


def create(es: Elasticsearch, rows: Sequence[Mapping[str, Any]], *, refresh: str = REFRESH) -> str:
    """Create an empty index with one shard and our mapping; its name is unique and fits our stream patterns."""
    index = stream_name(f"bench{uuid.uuid4().hex[:8]}")
    features = {name: {"type": "keyword" if isinstance(value, str) else "float"} for name, value in rows[0].items()}
    es.indices.create(
        index=index,
        mappings={"dynamic": False, "properties": properties(FIELDS) | {"kdd99": {"properties": features}}},
        settings={"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": refresh},
    )
    return index


@contextmanager
def loaded(
    es: Elasticsearch, rows: Sequence[Mapping[str, Any]], count: int, *, refresh: str = REFRESH
) -> Iterator[str]:
    """An index with `count` pending documents; it is deleted at the end."""
    index = create(es, rows, refresh=refresh)
    try:
        with ThreadPoolExecutor(LOAD_THREADS) as pool:
            list(
                pool.map(
                    lambda start: _load(es, index, rows, range(start, min(count, start + LOAD_PAGE))),
                    range(0, count, LOAD_PAGE),
                )
            )
        es.indices.refresh(index=index)
        yield index
    finally:
        es.indices.delete(index=index)


@contextmanager
def cloned(es: Elasticsearch, index: str) -> Iterator[str]:
    """A clone of an index, with the same documents in the same segments; it is deleted at the end.

    Raises:
        SystemExit: documents are still pending at the end, so the figure would be wrong.
    """
    clone = stream_name(f"bench{uuid.uuid4().hex[:8]}")
    es.indices.put_settings(index=index, settings={"index.blocks.write": True})
    es.indices.clone(index=index, target=clone, settings={"index.blocks.write": None, "number_of_replicas": 0})
    try:
        es.cluster.health(index=clone, wait_for_status="green", timeout="60s")
        yield clone
        es.indices.refresh(index=clone)
        left = int(es.count(index=clone, query={"term": {STATUS: PENDING}})["count"])
        if left:
            raise SystemExit(f"{left} documents are still pending; the figure would be wrong")
    finally:
        es.indices.delete(index=clone)


def _load(es: Elasticsearch, index: str, rows: Sequence[Mapping[str, Any]], numbers: Sequence[int]) -> None:
    lines = []
    for number in numbers:
        lines += [dump({"create": {"_index": index, "_id": f"doc-{number}"}}), dump(pending(rows, number))]
    answer = es.bulk(operations=b"\n".join([*lines, b""]))  # type: ignore[arg-type]  # it accepts bytes too
    if answer["errors"]:
        raise SystemExit(f"{index} rejects the benchmark's documents")
