"""Installations with generated documents, and consoles that show them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from elasticsearch import Elasticsearch

from benchmarks.console.sample_documents import beat, documents, heartbeat, load
from benchmarks.es_pipelines.removal import remove
from console.panels.indices import Indices
from console.panels.searches import Engine, Search, SearchResponse
from contract.artifact.contract import ModelContract
from contract.documents.fields import FIELDS, properties
from contract.documents.heartbeats import heartbeat_body, heartbeat_index
from contract.errors import EngineUnavailableError
from es_pipelines.provision.apply import provision
from es_pipelines.resources.desired import model_fields
from oversight.client import cluster
from tests import task_documents
from tests.servers import stop
from tests.unit.console.panel_samples import contract
from tests.waiting import WAIT_S, until

DOCUMENTS = 800
HOURS = 20.0
OURS = ("OVERSIGHT_", "ELASTICSEARCH_", "KIBANA_")


@dataclass(frozen=True)
class Installation:
    """Documents in an engine, and the same documents in memory."""

    url: str
    namespace: str
    index: str | None
    end: datetime
    documents: tuple[dict[str, Any], ...]

    @property
    def place(self) -> Indices:
        """The indices in which the console finds them."""
        return Indices(self.namespace, self.index)

    @property
    def now_ms(self) -> int:
        """A moment after the last document and its verdict."""
        return int((self.end + timedelta(hours=1)).timestamp() * 1000)

    def engine(self) -> Engine:
        """The engine, as the console queries it."""
        return PatientEngine(
            lambda: Elasticsearch(self.url), lambda error: str(cluster.explain(error, self.url)), timeout_s=60.0
        )

    def console(self, folder: Path, **more: str) -> contextlib.AbstractContextManager[Console]:
        """A console process that shows them."""
        index = {} if self.index is None else {"OVERSIGHT_INDEX": self.index}
        return console(folder, ELASTICSEARCH_URL=self.url, OVERSIGHT_NAMESPACE=self.namespace, **index, **more)


class PatientEngine(Engine):
    """The console's engine, which asks again if a response is cut short.

    The program in front of OpenSearch, which makes it answer as Elasticsearch does, sometimes does that while the
    machine is busy, also twice in a row.
    """

    def msearch(self, searches: Sequence[Search]) -> list[SearchResponse]:
        """As the console's own."""
        for _ in range(4):
            try:
                return super().msearch(searches)
            except EngineUnavailableError as error:
                if "IncompleteRead" not in str(error):
                    raise
        return super().msearch(searches)


@contextlib.contextmanager
def installation(
    url: str,
    *,
    hostile: bool = False,
    n: int = DOCUMENTS,
    stream: bool = True,
    model: ModelContract | None = None,
) -> Iterator[Installation]:
    """An installation with generated documents, removed afterwards.

    Args:
        url: the engine.
        hostile: whether some values try to run as code or to break the page.
        n: how many documents.
        stream: provisioned as a user does it; otherwise a plain index with the same mapping, for an engine without
        pipelines.
        model: a model of another task with its own documents; None: the shipped model.
    """
    namespace, end = f"c{uuid.uuid4().hex[:12]}", datetime.now(UTC)
    index = None if stream else f"console-test-{namespace}"
    reads = contract() if model is None else model
    made = tuple(
        documents(n, end=end, hours=HOURS, hostile=hostile)
        if model is None
        else task_documents.documents(model, n, end=end, hours=HOURS)
    )
    found = Installation(url, namespace, index, end, made)
    with Elasticsearch(url, request_timeout=WAIT_S) as es:
        try:
            if stream:
                provision(es, reads, namespace=namespace)
            else:
                fields = properties([*FIELDS, *model_fields(reads)])
                es.indices.create(index=found.place.events, mappings={"dynamic": False, "properties": fields})
                es.indices.create(index=heartbeat_index(namespace), **heartbeat_body())
            assert load(es, iter(made), found.place.events) == n
            beat(es, namespace, heartbeat(end))
            yield found
        finally:
            if stream:
                remove(es, namespace)
            gone = [heartbeat_index(namespace), *([] if index is None else [index])]
            es.options(ignore_status=404).indices.delete(index=gone, ignore_unavailable=True)


@dataclass(frozen=True)
class Console:
    """A running console."""

    url: str
    process: psutil.Popen
    log: Path


@contextlib.contextmanager
def console(folder: Path, *options: str, **settings: str) -> Iterator[Console]:
    """`oversight console` as a user starts it, on a free port, ended afterwards."""
    log = folder / f"console-{uuid.uuid4().hex[:6]}.log"
    bind = () if "--bind" in options else ("--bind", "127.0.0.1:0")
    command = [sys.executable, "-m", "oversight", "console", *bind, *options]
    with log.open("wb") as output:
        process = psutil.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment(folder, settings),
        )
    try:
        assert until(lambda: bool(ready_at(log)) or process.poll() is not None), "the console did not start"
        assert process.poll() is None, log.read_text(encoding="utf-8")
        yield Console(ready_at(log), process, log)
    finally:
        stop(process)


def environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """The environment without the settings of the user who runs the tests; all tests of a machine share the charts'
    script.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    state = Path(os.environ.get("PYTEST_RUN_FOLDER", folder)) / "state"
    return {**inherited, "OVERSIGHT_STATE": str(state), **settings}


def ready_at(log: Path) -> str:
    """The address in its log; empty until it is ready."""
    for line in log.read_text(encoding="utf-8").splitlines():
        if '"action":"ready"' in line:
            url: str = json.loads(line)["url"]["original"]
            return url
    return ""
