"""Who owns a resource on each engine, how long a stream keeps its events, and what a removal leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from contract.distribution import own_version
from contract.documents.alerts import alerts_index
from contract.documents.fields import stream_name
from contract.documents.heartbeats import heartbeat_index
from es_pipelines.cluster.capabilities import Capabilities, takes
from es_pipelines.provision.apply import provision
from es_pipelines.provision.plan import Plan, apply, make_plan, survey
from es_pipelines.provision.removal import plan_removal
from es_pipelines.resources.all_kinds import KINDS
from es_pipelines.resources.desired import resources
from es_pipelines.resources.kind import Action, Change, Installation, Resource
from es_pipelines.resources.stored import read_stored
from tests.integration.watcher.proxy import Call, FaultProxy, Reply
from tests.pipelines import KDD99, LINE, creations
from tests.provisioning import state

ON_THE_EMBEDDED = pytest.mark.parametrize("engine_url", ["embedded"], indirect=True)
"""All engines return pipelines in the same form."""
EVERYTHING = Capabilities(data_streams=True, index_mode=True, lifecycle=True, failure_store=True, pipeline_meta=True)


@pytest.fixture
def installation(es: Elasticsearch, namespace: str) -> Iterator[str]:
    """A namespace whose resources are removed afterwards."""
    yield namespace
    remove(es, namespace)


def _steps(es: Elasticsearch, namespace: str, *, retention: str | None, force: bool = False) -> list[Change]:
    """Plan and apply only the templates, as on an engine with every feature."""
    wanted = [
        one for one in resources(KDD99, namespace, EVERYTHING, retention=retention) if one.kind.endswith("template")
    ]
    installation = Installation(namespace, own_version(), force, pipeline_meta=True)
    steps = make_plan(wanted, survey(read_stored(es, namespace, (), roles=False), wanted), installation)
    return apply(es, Plan("", tuple(steps)), installation)


@pytest.mark.elasticsearch
def test_elasticsearch_gives_back_templates_that_are_still_ours(elasticsearch_url: str, namespace: str) -> None:
    """It adds defaults, returns settings as text, and accepts lifecycle and failure store: none of that is an edit; a
    real edit is.
    """
    name = f"oversight-stream-{namespace}"
    with Elasticsearch(elasticsearch_url) as es:
        try:
            assert takes(es, "lifecycle")
            assert takes(es, "failure_store")
            assert {step.action for step in _steps(es, namespace, retention="30d")} == {Action.CREATE}
            assert {step.action for step in _steps(es, namespace, retention="30d")} == {Action.UNCHANGED}
            changed = {step.name: step.action for step in _steps(es, namespace, retention="60d")}
            assert {one for one, action in changed.items() if action == Action.UPDATE} == {name}
            stored = dict(es.indices.get_index_template(name=name)["index_templates"][0]["index_template"])
            assert stored["template"]["lifecycle"]["data_retention"] == "60d"
            assert stored["template"]["data_stream_options"] == {"failure_store": {"enabled": True}}
            stored["template"]["lifecycle"]["data_retention"] = "365d"
            es.indices.put_index_template(name=name, body=stored)
            kept = {step.name: step.action for step in _steps(es, namespace, retention="60d")}
            assert kept[name] == Action.KEEP
            forced = {step.name: step.action for step in _steps(es, namespace, retention="60d", force=True)}
            assert forced[name] == Action.UPDATE
        finally:
            remove(es, namespace)
        assert state(es, namespace) == {"pipelines": {}, "component templates": [], "index templates": []}


@pytest.fixture
def with_lifecycle(embedded_url: str, namespace: str) -> Iterator[tuple[Elasticsearch, dict[str, Any]]]:
    """An engine that answers for the lifecycle and options of a data stream as Elasticsearch documents it, and the
    stored values.

    No test engine has these routes; the engine really stores the templates.
    """
    held: dict[str, Any] = {}
    stream = stream_name(namespace)

    def answer(call: Call, forward: Callable[[], Reply]) -> Reply:
        route = call.path.partition("?")[0]
        if route == f"/_data_stream/{stream}":
            store = held.get("options", {}).get("failure_store", {"enabled": False})
            found = {"lifecycle": held["lifecycle"]} if "lifecycle" in held else {}
            return _json({"data_streams": [{"name": stream, "indices": [], "failure_store": store, **found}]})
        key = {f"/_data_stream/{stream}/_lifecycle": "lifecycle", f"/_data_stream/{stream}/_options": "options"}.get(
            route
        )
        if key is None:
            return forward()
        if call.method == "PUT":
            held[key] = json.loads(call.body)
            return _json({"acknowledged": True})
        found = {key: held[key]} if key in held else {}
        return _json({"data_streams": [{"name": stream, **found}]})

    proxy = FaultProxy(embedded_url)
    proxy.fault = answer
    with Elasticsearch(proxy.url) as es:
        yield es, held
    proxy.close()
    with Elasticsearch(embedded_url) as es:
        remove(es, namespace)


def _json(body: Any) -> Reply:
    headers = {"content-type": "application/json", "x-elastic-product": "Elasticsearch"}
    return Reply(200, json.dumps(body).encode(), headers)


def _live(es: Elasticsearch, namespace: str, retention: str | None, *, force: bool = False) -> dict[str, Change]:
    """Plan and apply lifecycle, options and index templates."""
    kinds = ("component template", "data stream lifecycle", "data stream options", "index template")
    wanted = [one for one in resources(KDD99, namespace, EVERYTHING, retention=retention) if one.kind in kinds]
    installation = Installation(namespace, own_version(), force)
    stored = read_stored(es, namespace, [stream_name(namespace)], roles=False)
    steps = make_plan(wanted, survey(stored, wanted), installation)
    apply(es, Plan("", tuple(steps)), installation)
    return {step.kind: step for step in steps if not step.kind.endswith("template")}


def test_a_live_stream_follows_the_retention_that_is_set(
    with_lifecycle: tuple[Elasticsearch, dict[str, Any]], namespace: str
) -> None:
    """The plan says how much will be deleted; a failure store is added where an older template had none."""
    es, held = with_lifecycle
    assert _live(es, namespace, "30d")["data stream options"].action == Action.UPDATE
    assert held == {
        "lifecycle": {"enabled": True, "data_retention": "30d"},
        "options": {"failure_store": {"enabled": True}},
    }
    held["options"]["failure_store"]["lifecycle"] = {"enabled": True}  # as Elasticsearch 9 adds it
    assert {step.action for step in _live(es, namespace, "30d").values()} == {Action.UNCHANGED}
    step = _live(es, namespace, "7d")["data stream lifecycle"]
    assert (step.action, step.reason) == (
        Action.UPDATE,
        "Elasticsearch deletes events older than 7d from then on",
    )
    assert [line.strip() for line in step.diff if line[0] in "+-"] == ["-data_retention: 30d", "+data_retention: 7d"]
    assert _live(es, namespace, None)["data stream lifecycle"].action == Action.UPDATE
    assert held["lifecycle"] == {"enabled": True}


def test_a_retention_that_a_person_increased_is_kept(
    with_lifecycle: tuple[Elasticsearch, dict[str, Any]], namespace: str
) -> None:
    """It was set on the stream in Kibana: our value would delete events that someone wanted to keep."""
    es, held = with_lifecycle
    _live(es, namespace, "30d")
    held["lifecycle"]["data_retention"] = "365d"
    assert _live(es, namespace, "30d")["data stream lifecycle"].action == Action.KEEP
    assert held["lifecycle"]["data_retention"] == "365d"
    _live(es, namespace, "30d", force=True)
    assert held["lifecycle"]["data_retention"] == "30d"


def test_a_change_of_retention_that_is_cut_off_does_not_look_like_an_edit(
    with_lifecycle: tuple[Elasticsearch, dict[str, Any]], namespace: str
) -> None:
    """Cut off between stream and template, or before the stream: the next run completes it, and sees no
    edit to keep.
    """
    es, held = with_lifecycle
    _live(es, namespace, "30d")
    held["lifecycle"]["data_retention"] = "7d"  # the stream was written, the template was not
    assert _live(es, namespace, "7d")["data stream lifecycle"].action == Action.UNCHANGED
    assert {step.action for step in _live(es, namespace, "7d").values()} == {Action.UNCHANGED}
    template = es.indices.get_index_template(name=f"oversight-stream-{namespace}")["index_templates"][0]
    assert template["index_template"]["template"]["lifecycle"]["data_retention"] == "7d"


def _removal(es: Elasticsearch, namespace: str, **options: Any) -> dict[str, Change]:
    planned, installation = plan_removal(es, namespace, **options)
    apply(es, planned, installation)
    return {f"{step.kind} {step.name}": step for step in planned.steps}


def _stream(es: Elasticsearch, namespace: str) -> str:
    """Kind and name of the stream, or of the index that replaces it."""
    name = stream_name(namespace)
    return f"{'data stream' if es.indices.resolve_index(name=name).body['data_streams'] else 'index'} {name}"


def test_a_removal_leaves_nothing_of_an_installation_without_events(es: Elasticsearch, installation: str) -> None:
    """The provisioned resources are gone; everything older and another installation are unchanged."""
    other = f"{installation}x"
    provision(es, KDD99, namespace=other)
    try:
        before = state(es, other)
        provision(es, KDD99, namespace=installation)
        es.index(index=heartbeat_index(installation), document={"watcher": {"id": "w"}}, refresh=True)
        assert {step.action for step in _removal(es, installation).values()} == {Action.REMOVE}
        assert state(es, installation) == {"pipelines": {}, "component templates": [], "index templates": []}
        assert state(es, other) == before
        assert _removal(es, installation) == {}
    finally:
        remove(es, other)


def test_events_stay_with_every_resource_that_they_need(es: Elasticsearch, installation: str) -> None:
    """The plan says why each resource stays; alerts and the state of watchers stay too."""
    stream, alerts = stream_name(installation), alerts_index(installation)
    provision(es, KDD99, namespace=installation)
    es.bulk(index=stream, operations=creations([{"message": LINE}, {"message": LINE}]))  # not searchable yet
    es.index(index=alerts, document={"rule": {"name": "r"}})
    kind_and_name = _stream(es, installation)
    found = _removal(es, installation)
    assert found[kind_and_name].reason == "it holds 2 documents; remove them with --with-data"
    assert found[f"pipeline oversight-router-{installation}"].reason == f"{stream} stays and needs it"
    assert "stays and needs it" in found[f"pipeline oversight-csv-{installation}"].reason
    assert found[f"index {alerts}"].reason == "it holds 1 document; remove it with --with-data"
    assert found[f"index template {alerts}"].action == Action.REMOVE
    assert {step.action for step in found.values() if step.kind == "pipeline"} == {Action.STAY}
    assert es.count(index=stream)["count"] == 2
    assert es.count(index=alerts)["count"] == 1
    gone = _removal(es, installation, with_data=True)
    assert {step.action for step in gone.values()} == {Action.REMOVE}
    assert not es.indices.exists(index=alerts)


@ON_THE_EMBEDDED
def test_a_resource_that_a_foreign_index_or_pipeline_uses_stays(es: Elasticsearch, installation: str) -> None:
    """Without it the engine would refuse their events."""
    provision(es, KDD99, namespace=installation)
    router, document = f"oversight-router-{installation}", f"oversight-document-{installation}"
    index, pipeline = f"theirs-{installation}", f"theirs-{installation}"
    es.indices.create(index=index, settings={"index.default_pipeline": router})
    es.ingest.put_pipeline(id=pipeline, processors=[{"pipeline": {"name": document}}])
    try:
        found = _removal(es, installation, with_data=True)
        assert found[f"pipeline {router}"].reason == f"index {index} needs it"
        assert found[f"pipeline {document}"].action == Action.STAY
        assert found[f"index template oversight-stream-{installation}"].action == Action.REMOVE
        assert es.ingest.get_pipeline(id=router)
    finally:
        es.indices.delete(index=index)
        es.ingest.delete_pipeline(id=pipeline)


@ON_THE_EMBEDDED
def test_a_resource_that_a_person_edited_is_removed_only_with_force(es: Elasticsearch, installation: str) -> None:
    """The resources that it refers to stay with it."""
    provision(es, KDD99, namespace=installation)
    name = f"oversight-router-{installation}"
    stored = dict(es.ingest.get_pipeline(id=name)[name])
    es.ingest.put_pipeline(
        id=name, body={**stored, "processors": [*stored["processors"], {"set": {"field": "a", "value": 1}}]}
    )
    found = _removal(es, installation)
    assert "a person edited it" in found[f"pipeline {name}"].reason
    assert found[f"pipeline oversight-document-{installation}"].action == Action.STAY
    assert found[f"index template oversight-stream-{installation}"].action == Action.REMOVE
    assert {step.action for step in _removal(es, installation, force=True).values()} == {Action.REMOVE}


@ON_THE_EMBEDDED
def test_a_resource_of_an_older_version_is_removed_unless_another_uses_it(es: Elasticsearch, installation: str) -> None:
    """Two pipelines of an older version: nothing calls the first, a foreign pipeline calls the second."""
    provision(es, KDD99, namespace=installation)
    old, used = f"oversight-old-{installation}", f"oversight-used-{installation}"
    pipeline = KINDS["pipeline"]
    engine = Installation(installation, "0.0.1")
    body: dict[str, Any] = {"description": "of before", "processors": []}
    for name in (old, used):
        wanted = Resource("pipeline", name, body)
        pipeline.write(es, pipeline.judge(wanted, None, engine), wanted, engine)
    es.ingest.put_pipeline(id=f"theirs-{installation}", processors=[{"pipeline": {"name": used}}])
    try:
        steps = {step.name: step for step in provision(es, KDD99, namespace=installation)}
        assert steps[old].action == Action.REMOVE
        assert steps[used].action == Action.KEEP
        assert f"theirs-{installation} needs it" in steps[used].reason
    finally:
        es.ingest.delete_pipeline(id=f"theirs-{installation}")
    assert {step.name for step in provision(es, KDD99, namespace=installation) if step.action == Action.REMOVE} == {
        used
    }


def test_heartbeats_and_alerts_get_their_mapping_from_a_template(es: Elasticsearch, installation: str) -> None:
    """The first alert creates the index: its times must be dates and its labels keywords."""
    provision(es, KDD99, namespace=installation)
    for index, field in ((alerts_index(installation), "rule"), (heartbeat_index(installation), "watcher")):
        es.index(index=index, document={"@timestamp": "2026-01-01T00:00:00Z", field: {"unknown": "x"}})
        mapping = es.indices.get_mapping(index=index)[index]["mappings"]
        assert str(mapping["dynamic"]).lower() == "false"
        assert mapping["properties"]["@timestamp"]["type"] == "date"
        assert "unknown" not in mapping["properties"][field]["properties"]
