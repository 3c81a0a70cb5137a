"""What a removal must keep: events that a first look does not show, and resources of others with similar names."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from contract.documents.fields import stream_name
from contract.errors import InputError
from es_pipelines.provision.apply import provision
from es_pipelines.provision.plan import apply
from es_pipelines.provision.removal import plan_removal
from es_pipelines.resources.kind import Action, Change
from tests.integration.watcher.proxy import Call, FaultProxy, Reply
from tests.pipelines import KDD99, LINE, creations
from tests.waiting import WAIT_S

ON_THE_EMBEDDED = pytest.mark.parametrize("engine_url", ["embedded"], indirect=True)
"""All engines return a mark in the same form."""
HEADERS = {"content-type": "application/json", "x-elastic-product": "Elasticsearch"}


@pytest.fixture
def installation(es: Elasticsearch, namespace: str) -> Iterator[str]:
    """A provisioned namespace, whose resources are removed afterwards."""
    provision(es, KDD99, namespace=namespace)
    yield namespace
    remove(es, namespace)


@pytest.fixture(scope="module")
def standing() -> str:
    """The namespace of one installation that the tests only read."""
    return f"standing{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def streams(opensearch_url: str, standing: str) -> Iterator[Elasticsearch]:
    """The engine with data streams, with that installation in it."""
    with Elasticsearch(opensearch_url, request_timeout=WAIT_S) as es:
        provision(es, KDD99, namespace=standing)
        yield es
        remove(es, standing)


def _planned(es: Elasticsearch, namespace: str, **options: Any) -> dict[str, Change]:
    return {f"{step.kind} {step.name}": step for step in plan_removal(es, namespace, **options)[0].steps}


def _with_failure_store(stream: str, count: tuple[int, Any]) -> Callable[[Call, Callable[[], Reply]], Reply]:
    """As Elasticsearch documents it: the stream lists the indices of its failure store, and `::failures`
    searches them.
    """

    def answer(request: Call, forward: Callable[[], Reply]) -> Reply:
        path = request.path.partition("?")[0].replace("%3A", ":")
        if path == f"/{stream}::failures/_count":
            return Reply(count[0], json.dumps(count[1]).encode(), HEADERS)
        reply = forward()
        if path == f"/_data_stream/{stream}" and request.method == "GET":
            body = json.loads(reply.body)
            index = {"index_name": f".fs-{stream}-2026.01.31-000002", "index_uuid": "u"}
            body["data_streams"][0]["failure_store"] = {"enabled": True, "indices": [index]}
            return Reply(200, json.dumps(body).encode(), HEADERS)
        return reply

    return answer


ONE_SHARD, A_SILENT_ONE = {"total": 1, "successful": 1}, {"total": 2, "successful": 1}
UNREADABLE = "its failure store cannot be read (privilege read_failure_store); remove it with --with-data"
FAILURES: list[tuple[tuple[int, Any], str]] = [
    (
        (200, {"count": 3, "_shards": ONE_SHARD}),
        "it holds 3 documents (3 in its failure store); remove them with --with-data",
    ),
    ((403, {"error": {"type": "security_exception"}}), UNREADABLE),
    ((200, {"count": 0, "_shards": A_SILENT_ONE}), UNREADABLE),
    ((200, {"count": 0, "_shards": ONE_SHARD}), ""),
]


@pytest.mark.opensearch
def test_events_in_the_failure_store_are_data_too(streams: Elasticsearch, opensearch_url: str, standing: str) -> None:
    """Only the failure store has the events that the mapping refused; it goes with the stream, and a normal count
    misses it.
    """
    stream = stream_name(standing)
    assert streams.count(index=stream)["count"] == 0
    proxy = FaultProxy(opensearch_url)
    try:
        with Elasticsearch(proxy.url) as es:
            for count, reason in FAILURES:
                proxy.fault = _with_failure_store(stream, count)
                step = _planned(es, standing)[f"data stream {stream}"]
                assert (step.action, step.reason) == (Action.STAY if reason else Action.REMOVE, reason)
    finally:
        proxy.close()


def test_a_shard_that_does_not_answer_may_hold_documents(engine_url: str, installation: str) -> None:
    """An older index is red and the newest is empty: the count is incomplete."""
    stream = stream_name(installation)

    def silent(request: Call, forward: Callable[[], Reply]) -> Reply:
        if request.path.partition("?")[0] == f"/{stream}/_count":
            body = {"count": 0, "_shards": {"total": 2, "successful": 1, "skipped": 0, "failed": 0}}
            return Reply(200, json.dumps(body).encode(), HEADERS)
        return forward()

    proxy = FaultProxy(engine_url)
    proxy.fault = silent
    try:
        with Elasticsearch(proxy.url) as es:
            (step,) = [step for step in _planned(es, installation).values() if step.name == stream]
            assert step.action == Action.STAY
            assert step.reason.startswith("1 of its 2 shards do not answer, so its documents cannot be counted")
    finally:
        proxy.close()


def test_an_event_that_arrives_after_the_plan_is_not_deleted(es: Elasticsearch, installation: str) -> None:
    """The run counts again right before the deletion; the rest is complete, and the next run lists what stays."""
    stream = stream_name(installation)
    planned, asked = plan_removal(es, installation)
    es.bulk(index=stream, operations=creations([{"message": LINE}]))
    with pytest.raises(InputError, match=r"was empty and is no longer: it holds 1 document; .* run it again"):
        apply(es, planned, asked)
    assert es.count(index=stream)["count"] == 1
    assert es.ingest.get_pipeline(id=f"oversight-router-{installation}")
    again, asked = plan_removal(es, installation)
    apply(es, again, asked)
    assert es.count(index=stream)["count"] == 1


@pytest.mark.opensearch
def test_a_stream_of_a_foreign_template_is_not_ours(opensearch_url: str, namespace: str) -> None:
    """A template with our name but without our mark, and its stream: not even `--with-data --force` deletes them."""
    name, stream = f"oversight-stream-{namespace}", stream_name(namespace)
    with Elasticsearch(opensearch_url) as es:
        es.indices.put_index_template(name=name, index_patterns=[stream], priority=100, data_stream={})
        es.bulk(index=stream, operations=creations([{"@timestamp": "2026-01-01T00:00:00Z"}]), refresh=True)
        try:
            found = _planned(es, namespace, with_data=True, force=True)
            assert {step.action for step in found.values()} == {Action.IGNORE}
            remove(es, namespace)
            assert es.count(index=stream)["count"] == 1
        finally:
            es.indices.delete_data_stream(name=stream)
            es.indices.delete_index_template(name=name)


@pytest.mark.opensearch
def test_a_pipeline_that_a_stream_of_a_longer_name_uses_stays(streams: Elasticsearch, standing: str) -> None:
    """The names of the indices of `...-a-b` begin with the name of those of `...-a`, and belong to someone else."""
    name, stream = f"theirs-{standing}", f"{stream_name(standing)}-b"
    router = f"oversight-router-{standing}"
    template: dict[str, Any] = {"settings": {"index.default_pipeline": router}}
    streams.indices.put_index_template(
        name=name, index_patterns=[stream], priority=100, data_stream={}, template=template
    )
    streams.indices.create_data_stream(name=stream)
    streams.indices.put_index_template(name=name, index_patterns=[stream], priority=100, data_stream={})
    try:
        step = _planned(streams, standing, with_data=True)[f"pipeline {router}"]
        assert step.action == Action.STAY
        assert step.reason.startswith(f"index .ds-{stream}-")
    finally:
        streams.indices.delete_data_stream(name=stream)
        streams.indices.delete_index_template(name=name)


@pytest.mark.opensearch
def test_a_pipeline_that_a_legacy_template_names_stays(streams: Elasticsearch, standing: str) -> None:
    """The next index of that template would refuse every document."""
    name, router = f"theirs-{standing}", f"oversight-router-{standing}"
    body: dict[str, Any] = {"index_patterns": [name], "settings": {"index.default_pipeline": router}}
    streams.perform_request("PUT", f"/_template/{name}", headers=HEADERS, body=body)
    try:
        step = _planned(streams, standing, with_data=True)[f"pipeline {router}"]
        assert (step.action, step.reason) == (Action.STAY, f"legacy template {name} needs it")
    finally:
        streams.perform_request("DELETE", f"/_template/{name}", headers=HEADERS)


@ON_THE_EMBEDDED
def test_resources_of_a_newer_oversight_are_removed_only_by_it_or_with_force(
    es: Elasticsearch, installation: str
) -> None:
    """The newer version may have data and resources that this version does not know."""
    name = f"oversight-fields-{installation}"
    stored = dict(es.cluster.get_component_template(name=name)["component_templates"][0]["component_template"])
    stored["_meta"]["oversight"]["version"] = "99.0.0"
    es.cluster.put_component_template(name=name, template=stored["template"], meta=stored["_meta"])
    planned, asked = plan_removal(es, installation, with_data=True)
    assert len(planned.in_the_way) == 1
    with pytest.raises(InputError, match=f"^nothing was written: component template {name}: Oversight 99.0.0 wrote it"):
        apply(es, planned, asked)
    assert es.indices.exists(index=stream_name(installation))
    forced, _ = plan_removal(es, installation, with_data=True, force=True)
    assert {step.action for step in forced.steps} == {Action.REMOVE}
