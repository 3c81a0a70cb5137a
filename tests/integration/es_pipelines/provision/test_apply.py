"""Provisioning on real engines: it can be repeated, follows a changed model, and says what an engine lacks."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from contract.artifact.contract import Feature
from contract.documents.fields import FIELDS, properties, stream_name
from es_pipelines.cluster.capabilities import takes
from es_pipelines.definition.parameters import PIPELINES, pipeline_id
from es_pipelines.provision.apply import outdated, provision
from es_pipelines.resources.desired import model_fields
from es_pipelines.resources.kind import Action, Change
from tests import warm
from tests.artifacts import HOT, TURBINE
from tests.golden.test_pipelines import INPUTS, event
from tests.pipelines import FLOW, KDD99, LINE, creations, simulate
from tests.provisioning import WritesCounted
from tests.waiting import WAIT_S

ROOT = Path(__file__).resolve().parents[4]
ON_THE_EMBEDDED = pytest.mark.parametrize("engine_url", ["embedded"], indirect=True)
"""The comparison does not depend on the engine; the test of the second run shows that each returns what was stored."""


@pytest.fixture
def installation(es: Elasticsearch, namespace: str) -> Iterator[str]:
    """A namespace whose resources are removed afterwards."""
    yield namespace
    remove(es, namespace)


def test_a_second_run_writes_nothing(es: Elasticsearch, engine_url: str, installation: str) -> None:
    """`oversight provision` belongs in every start script."""
    steps: list[Change] = []
    first = provision(es, KDD99, namespace=installation, on_step=steps.append)
    assert first == steps
    assert {step.action for step in steps} == {Action.CREATE}
    counting = WritesCounted(engine_url)
    second = provision(counting, KDD99, namespace=installation)
    counting.close()
    assert counting.writes == []
    assert counting.requests <= 12, "each request delays a start script by a round trip"
    assert {step.action for step in second} == {Action.UNCHANGED}
    assert [step.name for step in second] == [step.name for step in first]


def test_a_changed_model_updates_what_depends_on_it(es: Elasticsearch, installation: str) -> None:
    """The next run parses and maps a feature that the model gains, and writes nothing else."""
    provision(es, KDD99, namespace=installation)
    more = dataclasses.replace(KDD99, features=(*KDD99.features, Feature("entropy", "kdd99.entropy", "float")))
    steps = provision(es, more, namespace=installation)
    changed = {step.name for step in steps if step.action == Action.UPDATE}
    assert f"oversight-model-{installation}" in changed
    assert f"oversight-settings-{installation}" not in changed
    stream = stream_name(installation)
    assert stream in changed
    es.bulk(index=stream, operations=creations([{"message": f"{LINE},0.75"}]), refresh=True)
    query = {"range": {"kdd99.entropy": {"gt": 0.7}}}
    assert es.search(index=stream, query=query)["hits"]["total"]["value"] == 1
    assert {step.action for step in provision(es, more, namespace=installation)} == {Action.UNCHANGED}


@pytest.mark.opensearch
def test_a_feature_of_another_type_begins_a_new_index(opensearch_url: str, namespace: str) -> None:
    """A mapping cannot change the type of a field, and no event may be lost because of that."""
    other = [Feature("hot", "kdd99.hot", "string", vocabulary=("a",)) if f.name == "hot" else f for f in KDD99.features]
    with Elasticsearch(opensearch_url, request_timeout=WAIT_S) as es:
        try:
            provision(es, KDD99, namespace=namespace)
            changed = dataclasses.replace(KDD99, features=tuple(other))
            provision(es, changed, namespace=namespace)
            assert len(es.indices.get_data_stream(name=stream_name(namespace))["data_streams"][0]["indices"]) == 2
            assert {step.action for step in provision(es, changed, namespace=namespace)} == {Action.UNCHANGED}
        finally:
            remove(es, namespace)


@ON_THE_EMBEDDED
def test_a_plan_lists_the_writes_of_a_run_and_writes_nothing(
    es: Elasticsearch, engine_url: str, installation: str
) -> None:
    """`oversight check` uses it: with the pipelines of another model, events fail that this model could predict."""
    counting = WritesCounted(engine_url)
    assert len(outdated(counting, KDD99, namespace=installation)) > len(PIPELINES)
    provision(es, KDD99, namespace=installation)
    assert outdated(counting, KDD99, namespace=installation) == []
    found = {resource.name for resource in outdated(counting, FLOW, namespace=installation)}
    assert found >= {pipeline_id(name, installation) for name in ("csv", "failure", "features", "router")}
    names_the_model = {*(pipeline_id(name, installation) for name in ("stream", "fields")), stream_name(installation)}
    assert names_the_model <= found
    assert found - names_the_model <= {pipeline_id(name, installation) for name in PIPELINES}
    assert counting.writes == []
    counting.close()


@ON_THE_EMBEDDED
def test_a_resource_that_someone_changed_by_hand_is_kept_unless_forced(es: Elasticsearch, installation: str) -> None:
    """The content is compared, not only our mark; an administrator's edit survives an upgrade."""
    provision(es, KDD99, namespace=installation)
    name = f"oversight-csv-{installation}"
    stored = dict(es.ingest.get_pipeline(id=name)[name])
    es.ingest.put_pipeline(id=name, body={**stored, "processors": stored["processors"][1:]})
    kept = provision(es, KDD99, namespace=installation)
    assert [(step.name, step.action) for step in kept if step.action != Action.UNCHANGED] == [(name, Action.KEEP)]
    assert len(es.ingest.get_pipeline(id=name)[name]["processors"]) == len(stored["processors"]) - 1
    forced = provision(es, KDD99, namespace=installation, force=True)
    assert [step.name for step in forced if step.action == Action.UPDATE] == [name]
    assert es.ingest.get_pipeline(id=name)[name]["processors"] == stored["processors"]


@ON_THE_EMBEDDED
def test_a_removal_leaves_nothing_and_can_be_repeated(es: Elasticsearch, installation: str) -> None:
    """Tests clean up after themselves in a shared cluster."""
    provision(es, KDD99, namespace=installation)
    remove(es, installation)
    remove(es, installation)
    assert {step.action for step in provision(es, KDD99, namespace=installation)} == {Action.CREATE}


def test_another_model_runs_through_the_same_pipelines(es: Elasticsearch, installation: str) -> None:
    """The pipelines follow the model's contract: CSV, JSON and fields of a turbine."""
    provision(es, TURBINE, namespace=installation)
    documents: list[dict[str, Any]] = [
        {"message": "61.5,steady,1.2,healthy"},
        {"message": json.dumps(HOT)},
        HOT,
        {"message": "61.5,steady,much"},
    ]
    csv, line, fields, failed = simulate(es, installation, documents)
    assert csv is not None
    assert csv["turbine"] == {"temperature_c": 61.5, "state": {"mode": "steady"}, "vibration_mm_s": 1.2}
    assert csv["oversight"] == {"status": "pending", "truth": {"label": "healthy"}}
    assert line is not None
    assert fields is not None
    assert line["turbine"] == fields["turbine"] == HOT["turbine"]
    assert failed is not None
    assert failed["error"]["type"] == "not_a_number"
    assert failed["oversight"]["failure"]["field"] == "turbine.vibration_mm_s"


@pytest.mark.opensearch
def test_the_first_write_goes_into_a_data_stream(opensearch_url: str, namespace: str) -> None:
    """The stream exists, with our mapping, before the first event."""
    with Elasticsearch(opensearch_url, request_timeout=WAIT_S) as es:
        steps = provision(es, KDD99, namespace=namespace)
        try:
            assert "data stream" in {step.kind for step in steps}
            stream = es.indices.get_data_stream(name=stream_name(namespace))["data_streams"][0]
            assert stream["template"] == f"oversight-stream-{namespace}"
            mapping = es.indices.get_mapping(index=stream_name(namespace))
            (only,) = mapping.values()
            assert only["mappings"]["dynamic"] == "false"
        finally:
            remove(es, namespace)


@pytest.mark.elasticsearch
def test_elasticsearch_accepts_every_document_that_the_pipelines_write(
    elasticsearch_url: str, embedded_url: str, namespace: str
) -> None:
    """Elasticsearch is stricter about names than the other engines; this build has no pipelines, so it stores their
    output.
    """
    with (
        Elasticsearch(embedded_url, request_timeout=WAIT_S) as pipelines,
        Elasticsearch(elasticsearch_url, request_timeout=WAIT_S) as es,
    ):
        provision(pipelines, KDD99, namespace=namespace)
        documents = [found for found in simulate(pipelines, namespace, map(event, INPUTS)) if found is not None]
        remove(pipelines, namespace)
        index = f"oversight-mapping-{namespace}"
        mappings = {"dynamic": False, "properties": properties([*FIELDS, *model_fields(KDD99)])}
        es.indices.create(index=index, mappings=mappings, settings={"index": {"mode": "standard"}})
        try:
            assert takes(es, "index_mode")
            items = es.bulk(index=index, operations=creations(documents))["items"]
            assert [item["create"]["error"] for item in items if "error" in item["create"]] == []
        finally:
            es.indices.delete(index=index)


@ON_THE_EMBEDDED
def test_the_command_lists_its_changes_and_the_next_step(es: Elasticsearch, engine_url: str, installation: str) -> None:
    """A line per resource, then what to do next; a script reads the JSON of a second run."""
    environment = {**os.environ, "ELASTICSEARCH_URL": engine_url}
    command = ("provision", "--namespace", installation)
    done = warm.run(*command, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert ["created", "pipeline", f"oversight-router-{installation}"] in [line.split() for line in said.splitlines()]
    next_steps = (
        "`oversight serve`",
        f"`oversight watch --namespace {installation}`",
        f"`oversight ship FILE... --namespace {installation}`",
    )
    assert [step for step in next_steps if step not in said.splitlines()[-1]] == []
    again = warm.run(*command, "--json", env=environment, cwd=ROOT)
    assert again.returncode == 0, again.stderr
    report = json.loads(again.stdout)
    assert report["stream"] == stream_name(installation)
    assert {step["action"] for step in report["steps"]} == {"unchanged"}
