"""Documents of 5 MB each, and a watcher in a cgroup with 512 MB: the kernel would kill it if it read them whole."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from contract.documents.fields import FIELDS, Field, properties
from tests.acceptance.commands import OURS, command
from tests.faults.scale import FORM, SOAK
from tests.faults.trial import Row
from tests.integration.watcher.conftest import event
from tests.memory import limited
from tests.waiting import WAIT_S

MIB = 1024 * 1024
REASON = Field("oversight.failure.type", "keyword", "why a document of a foreign index failed")
LIMIT_BYTES = 512 * MIB
FAULT = "documents of 5 MB, a watcher in 512 MB"
DOCUMENTS = 1_000 if FORM is SOAK else 24
FILLER = "x" * (5 * MIB)
FEATURES = {"turbine": {"properties": {"state": {"properties": {"mode": {"type": "keyword", "ignore_above": 1_000}}}}}}


def foreign(number: int) -> dict[str, Any]:
    """A document with 5 MB in a field that the model does not read."""
    return event(number, payload=FILLER)


def own(number: int) -> dict[str, Any]:
    """A document with 5 MB in a field that the model reads."""
    made = event(number)
    return {**made, "turbine": {**made["turbine"], "state": {"mode": FILLER}}}


def values(number: int) -> dict[str, Any]:
    """A document with 1.5 MB of small values in a field that the model reads; Python objects need thirty times that."""
    made = event(number)
    return {**made, "turbine": {**made["turbine"], "state": {"mode": [{} for _ in range(MIB // 2)]}}}


def put(es: Elasticsearch, index: str, count: int) -> None:
    """Store documents of the three kinds, a third each: `foreign`, `own`, `values`. Every tenth document is small."""
    es.indices.create(
        index=index,
        mappings={"dynamic": False, "properties": properties([*FIELDS, REASON])},
        settings={"number_of_replicas": 0},
    )
    texts = [json.dumps(make(0)) for make in (foreign, own, values)]
    for number in range(count):
        text = texts[number * 3 // count] if number % 10 else json.dumps(event(number))
        es.bulk(operations=[{"index": {"_index": index, "_id": str(number)}}, text])  # type: ignore[list-item]
    es.indices.refresh(index=index)


def count(es: Elasticsearch, index: str, *queries: dict[str, Any]) -> int:
    """Number of documents that match all queries, without reading them: that would need a larger heap."""
    return int(es.count(index=index, query={"bool": {"filter": list(queries)}})["count"])


@pytest.mark.parametrize(
    "engine", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("opensearch", "elasticsearch")]
)
def test_large_documents_do_not_fill_the_watchers_memory(
    engine: str, engine_url: str, namespace: str, service: str, tmp_path: Path
) -> None:
    """The watcher does not fetch fields that the model does not read. A document whose features are too large fails,
    and no document stays pending.
    """
    index = f"flows-{namespace}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environment = {
        **inherited,
        "ELASTICSEARCH_URL": engine_url,
        "OVERSIGHT_INDEX": index,
        "OVERSIGHT_ENRICH_URL": service,
        "OVERSIGHT_NAMESPACE": namespace,
        "OVERSIGHT_STATE": str(tmp_path),
        "OVERSIGHT_WATCH_HEARTBEAT_S": "0",
    }
    patient: dict[str, Any] = {
        "request_timeout": WAIT_S,
        "max_retries": 50,
        "retry_on_status": (429, 503),
    }  # a small heap is sometimes full
    with Elasticsearch(engine_url, **patient) as es, limited(LIMIT_BYTES) as group:
        try:
            put(es, index, DOCUMENTS)
            began_s = time.monotonic()
            watched = group.words(command("watch", "--once", "--json"))
            done = subprocess.run(
                watched, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=1_500
            )
            peak_mb = group.peak_bytes // MIB
            logging.getLogger(__name__).info("peak of %d MB over %d documents", peak_mb, DOCUMENTS)
            took_s = time.monotonic() - began_s
            Row(
                "watcher",
                FAULT,
                engine,
                tries=1,
                documents=DOCUMENTS,
                seconds=took_s,
                failure=done.stderr[-200:] if done.returncode else "",
            ).write()
            assert done.returncode == 0, f"{done.returncode}: {done.stderr[-2_000:]}"
            es.indices.refresh(index=index)
            readable = [str(number) for number in range(DOCUMENTS) if number % 10 == 0 or number * 3 < DOCUMENTS]
            failed = [
                {"term": {"oversight.status": "failed"}},
                {"term": {"oversight.failure.type": "document_too_large"}},
            ]
            assert count(es, index, {"term": {"oversight.status": "enriched"}}, {"ids": {"values": readable}}) == len(
                readable
            )
            assert count(es, index, *failed) == DOCUMENTS - len(readable)
            check_the_other_commands(environment, group_words=group.words, folder=tmp_path)
        finally:
            es.indices.delete(index=index, ignore_unavailable=True)


def check_the_other_commands(environment: dict[str, str], *, group_words: Any, folder: Path) -> None:
    """`status`, `rescore` and `retry` of such documents succeed within the same limit."""
    for words in (("status", "--json"), ("rescore", "--all", "--yes", "--backlog", "0"), ("retry", "--yes")):
        done = subprocess.run(
            group_words(command(*words)),
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=1_500,
        )
        assert done.returncode == 0, f"{words} ended with {done.returncode}: {done.stderr[-2_000:]}"
