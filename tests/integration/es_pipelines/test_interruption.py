"""A run that is interrupted at any point is completed by the next run as if nothing had happened."""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from elastic_transport import ConnectionError as TransportConnectionError
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from contract.artifact.contract import Feature
from contract.documents.fields import stream_name
from es_pipelines.provision.apply import provision
from es_pipelines.provision.plan import apply
from es_pipelines.provision.removal import plan_removal
from es_pipelines.resources.kind import Action
from tests.integration.watcher.proxy import Call, FaultProxy, Reply
from tests.pipelines import FLOW, KDD99, LINE, creations
from tests.provisioning import WritesCounted, state
from tests.waiting import WAIT_S

ROOT = Path(__file__).resolve().parents[3]
TEXTUAL = dataclasses.replace(
    KDD99,
    features=tuple(
        Feature("hot", "kdd99.hot", "string", vocabulary=("a",)) if feature.name == "hot" else feature
        for feature in KDD99.features
    ),
)
"""A model for which one field needs another mapping."""


@pytest.fixture
def installation(es: Elasticsearch, namespace: str) -> Iterator[str]:
    """A namespace whose resources are removed afterwards."""
    yield namespace
    remove(es, namespace)


def _cut_off(url: str, after: int, run: Callable[[Elasticsearch], object]) -> bool:
    """Whether the run was cut off after its n-th write; False if it completed before."""
    with WritesCounted(url, cut_after=after) as es:
        try:
            run(es)
        except TransportConnectionError:
            return True
        return False


def test_provisioning_is_finished_after_every_single_write(embedded_url: str, namespace: str) -> None:
    """For every n: after n writes the first run is interrupted, the second completes it, and the third
    writes nothing.
    """
    with Elasticsearch(embedded_url) as es:
        provision(es, KDD99, namespace=namespace)
        whole = state(es, namespace)
        for n in itertools.count(1):
            remove(es, namespace)
            cut = _cut_off(embedded_url, n, lambda client: provision(client, KDD99, namespace=namespace))
            provision(es, KDD99, namespace=namespace)
            assert state(es, namespace) == whole, f"after {n} writes"
            if not cut:
                break
        assert n > len(whole["pipelines"]) + len(whole["component templates"])
        assert {step.action for step in provision(es, KDD99, namespace=namespace)} == {Action.UNCHANGED}
        remove(es, namespace)


def _in_single_writes(url: str, run: Callable[[Elasticsearch], object]) -> int:
    """Cut off every run after its first write until no write is left; returns the number of runs."""
    for n in itertools.count(1):
        if not _cut_off(url, 1, run):
            return n
    raise AssertionError("not reached")


def test_runs_that_are_all_cut_off_after_one_write_end_as_one_whole_run(
    es: Elasticsearch, engine_url: str, installation: str
) -> None:
    """This covers every state between two writes; no run mistakes an incomplete earlier run for a person's edit."""
    provision(es, KDD99, namespace=installation)
    es.bulk(index=stream_name(installation), operations=creations([{"message": LINE}]), refresh=True)
    changed = TEXTUAL if _has_streams(es, installation) else FLOW  # a plain index cannot change the mapping of a field
    provision(es, changed, namespace=installation)
    whole = _names_apart(state(es, installation))
    remove(es, installation)
    provision(es, KDD99, namespace=installation)
    es.bulk(index=stream_name(installation), operations=creations([{"message": LINE}]), refresh=True)
    runs = _in_single_writes(engine_url, lambda client: provision(client, changed, namespace=installation))
    assert runs > 3
    assert _names_apart(state(es, installation)) == whole
    assert es.count(index=stream_name(installation))["count"] == 1


def _has_streams(es: Elasticsearch, namespace: str) -> bool:
    return bool(es.indices.resolve_index(name=stream_name(namespace)).body["data_streams"])


def _names_apart(found: dict[str, Any]) -> dict[str, Any]:
    """The same state without the dates in the names of backing indices."""
    return {name.rpartition("-")[2] if name.startswith(".ds-") else name: body for name, body in found.items()}


def _remove(es: Elasticsearch, namespace: str, *, with_data: bool) -> None:
    planned, installation = plan_removal(es, namespace, with_data=with_data)
    apply(es, planned, installation)


@pytest.mark.parametrize("with_data", [True, False], ids=["with data", "without"])
def test_a_removal_that_is_cut_off_after_every_write_is_finished(
    es: Elasticsearch, engine_url: str, installation: str, with_data: bool
) -> None:
    """If the events are deleted, nothing stays; otherwise what they need stays, and shippers can still send events."""
    stream = stream_name(installation)
    provision(es, KDD99, namespace=installation)
    es.bulk(index=stream, operations=creations([{"message": LINE}]), refresh=True)
    _in_single_writes(engine_url, lambda client: _remove(client, installation, with_data=with_data))
    left = state(es, installation)
    names = {template["name"] for template in left["index templates"]}
    if with_data:
        assert left == {"pipelines": {}, "component templates": [], "index templates": []}
    else:
        assert names == ({f"oversight-stream-{installation}"} if _has_streams(es, installation) else set())
        assert es.bulk(index=stream, operations=creations([{"message": LINE}]), refresh=True)["errors"] is False
        assert es.count(index=stream, query={"term": {"oversight.status": "pending"}})["count"] == 2


def test_a_process_that_is_killed_between_two_writes_leaves_work_for_the_next(
    embedded_url: str, namespace: str, tmp_path: Path
) -> None:
    """SIGKILL: no handler runs, and the engine has applied a write whose response nobody has read."""
    proxy = FaultProxy(embedded_url)
    environment = {**os.environ, "ELASTICSEARCH_URL": proxy.url, "OVERSIGHT_NAMESPACE": namespace}
    process = subprocess.Popen(
        [sys.executable, "-m", "oversight", "provision"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def kill_at_the_first_template(call: Call, forward: Callable[[], Reply]) -> Reply:
        answer = forward()
        if call.method == "PUT" and call.path.startswith("/_component_template/oversight-fields"):
            process.send_signal(signal.SIGKILL)
        return answer

    proxy.fault = kill_at_the_first_template
    try:
        assert process.wait(timeout=WAIT_S) == -signal.SIGKILL
        with Elasticsearch(embedded_url) as es:
            assert state(es, namespace)["index templates"] == []
            provision(es, KDD99, namespace=namespace)
            assert {step.action for step in provision(es, KDD99, namespace=namespace)} == {Action.UNCHANGED}
            remove(es, namespace)
    finally:
        proxy.close()
