"""Fixtures of the watcher's tests: three engines, a real enrich service with a small real model, one index per test."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from common.settings.shared import OversightSettings
from contract.documents.fields import FIELDS, properties, stream_name
from es_pipelines.provision.apply import provision
from tests.artifacts import HEALTHY, HOT, TURBINE, WORN, write_model
from tests.conftest import ENGINES
from tests.integration.watcher.proxy import FaultProxy, proxied
from tests.servers import enrich_service
from tests.waiting import WAIT_S
from watcher.loop import run
from watcher.settings import WatchRun, WatchSettings
from watcher.totals import Totals

FAST = {
    "page_size": 50,
    "poll_interval_s": 0.05,
    "backoff_s": 0.05,
    "max_backoff_s": 0.2,
    "request_timeout_s": 5.0,
    "heartbeat_s": 0,
    "metrics_bind": "",
}
"""Short waits, because the servers run on this machine; no heartbeats and no metrics."""
on_two = pytest.mark.parametrize("engine_url", [ENGINES[0], ENGINES[2]], indirect=True)
"""For faults that do not come from the engine: one real engine shows the same as the other."""


@pytest.fixture(params=ENGINES)
def engine_url(request: pytest.FixtureRequest) -> str:
    """Each engine in turn. The real Elasticsearch works too, because these tests need no pipelines."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real enrich service (gunicorn, ONNX Runtime) with the small turbine model."""
    with enrich_service(write_model(tmp_path_factory.mktemp("turbine") / "model.onnx")) as url:
        yield url


@pytest.fixture
def proxy(service: str) -> Iterator[FaultProxy]:
    """The enrich service behind a proxy that can inject faults."""
    with proxied(service) as fault_proxy:
        yield fault_proxy


def watch_run(index: str, enrich_url: str, *, once: bool, **changes: Any) -> WatchRun:
    """A run with the `FAST` settings; a change is a setting of the watcher, a shared setting, or an argument of the
    run.
    """
    own = FAST | {name: changes.pop(name) for name in list(changes) if name in WatchSettings.model_fields}
    shared = {name: changes.pop(name) for name in list(changes) if name in OversightSettings.model_fields}
    settings = OversightSettings(index=index, enrich_url=enrich_url, **shared)
    return WatchRun(settings, WatchSettings.model_validate(own), once=once, **({"once_tries": 3} | changes))


class WithPipelines:
    """Base of test classes for the engines that have ingest pipelines; each test has its own installation."""

    @pytest.fixture(params=ENGINES[:2])
    def engine_url(self, request: pytest.FixtureRequest) -> str:
        url: str = request.getfixturevalue(f"{request.param}_url")
        return url

    @pytest.fixture
    def stream(self, es: Elasticsearch, namespace: str) -> Iterator[Place]:
        provision(es, TURBINE, namespace=namespace)
        yield Place(es, stream_name(namespace))
        remove(es, namespace)


class Place:
    """The index of one test, and helpers that read and write it."""

    def __init__(self, es: Elasticsearch, index: str) -> None:
        self.es, self.index = es, index

    def create(self, *, shards: int = 1) -> None:
        self.es.indices.create(
            index=self.index,
            mappings={"dynamic": False, "properties": properties(FIELDS)},
            settings={"number_of_shards": shards, "number_of_replicas": 0, "refresh_interval": "100ms"},
        )

    def put(self, documents: dict[str, dict[str, Any]]) -> None:
        lines: list[dict[str, Any]] = []
        for doc_id, source in documents.items():
            lines += [{"index": {"_index": self.index, "_id": doc_id}}, source]
        answer = self.es.bulk(operations=lines, refresh=True)
        assert not answer["errors"], answer["items"][0]

    def all(self) -> dict[str, dict[str, Any]]:
        """Every document by id: `_source`, `_version`, `_seq_no`."""
        self.es.indices.refresh(index=self.index)
        hits = self.es.search(index=self.index, size=10_000, version=True, seq_no_primary_term=True)["hits"]["hits"]
        return {hit["_id"]: hit for hit in hits}

    def sources(self) -> dict[str, dict[str, Any]]:
        return {doc_id: hit["_source"] for doc_id, hit in self.all().items()}

    def statuses(self) -> list[str]:
        return sorted(str(source["oversight"]["status"]) for source in self.sources().values())

    def versions(self) -> set[int]:
        return {hit["_version"] for hit in self.all().values()}

    def count(self, status: str) -> int:
        self.es.indices.refresh(index=self.index)
        return int(self.es.count(index=self.index, query={"term": {"oversight.status": status}})["count"])

    def watch(self, enrich_url: str, *, es: Elasticsearch | None = None, **changes: Any) -> Totals:
        """Run a watcher on this index until nothing is pending."""
        config = watch_run(self.index, enrich_url, once=True, **changes)
        return run(es or self.es, config, stop=threading.Event())

    @contextlib.contextmanager
    def watching(self, enrich_url: str, *, es: Elasticsearch | None = None, **changes: Any) -> Iterator[Totals]:
        """Run a watcher in a thread; the yielded totals are complete when the thread has ended."""
        config = watch_run(self.index, enrich_url, once=False, **changes)
        stop, totals = threading.Event(), Totals()

        def work() -> None:
            result = run(es or self.es, config, stop=stop)
            totals.outcomes, totals.batches, totals.quarantined = result.outcomes, result.batches, result.quarantined

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield totals
        finally:
            stop.set()
            thread.join(WAIT_S)
            assert not thread.is_alive(), "the watcher does not stop"


def warnings(caplog: pytest.LogCaptureFixture) -> int:
    """How many warnings a watcher in this process has logged about something unreachable or missing."""
    return sum(record.name.startswith("watcher") and record.levelname == "WARNING" for record in caplog.records)


@pytest.fixture
def place(es: Elasticsearch, namespace: str) -> Iterator[Place]:
    """A plain index with the name of our stream, as on engines without data streams."""
    created = Place(es, stream_name(namespace))
    created.create()
    yield created
    es.indices.delete(index=created.index, ignore_unavailable=True)


@pytest.fixture
def foreign(es: Elasticsearch, namespace: str) -> Iterator[Place]:
    """An index that does not belong to Oversight."""
    created = Place(es, f"flows-{namespace}")
    created.create()
    yield created
    es.indices.delete(index=created.index, ignore_unavailable=True)


def event(number: int = 0, **more: Any) -> dict[str, Any]:
    """A pending turbine document; by number: healthy, hot, worn, and again."""
    return {
        "@timestamp": f"2026-01-01T00:00:{number % 60:02d}.000Z",
        "event": {
            "original": f"raw line {number}",
            "ingested": f"2026-01-01T00:{number // 60 % 60:02d}:{number % 60:02d}.000Z",
        },
        "oversight": {"status": "pending"},
        **(HEALTHY, HOT, WORN)[number % 3],
        **more,
    }


def events(count: int) -> dict[str, dict[str, Any]]:
    return {f"doc-{number}": event(number) for number in range(count)}
