"""Two models in one namespace: provision, ship, predict and remove for one do not touch the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from benchmarks.es_pipelines.removal import remove
from common.settings.shared import DEFAULT_MODEL, OversightSettings
from console.web.app import Console
from console.web.backend import Backend
from console.web.settings import ConsoleSettings
from contract.documents.alerts import alerts_index
from contract.documents.fields import stream_name
from contract.documents.heartbeats import heartbeat_index
from enrich_service.model.model_file import read_contract
from tests.acceptance.commands import Terminal
from tests.acceptance.test_bad_input import GOOD
from tests.servers import enrich_service
from tests.tasks import ONE_SIGMOID, write_task

DATASET = "pump.room_2"
PUMPS = [{"pressure": 4.0, "noise": 30.0}, {"pump": {"pressure": 12.0, "noise": 30.0}}]


@pytest.fixture(scope="module")
def pump(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A small model with its own dataset, and the address of its service."""
    model = write_task(tmp_path_factory.mktemp("pump"), "one sigmoid", replace(ONE_SIGMOID, dataset=DATASET))
    with enrich_service(model) as url:
        yield model, url


@pytest.fixture(scope="module")
def shipped_service() -> Iterator[str]:
    """Address of a service with the shipped model."""
    with enrich_service(DEFAULT_MODEL) as url:
        yield url


@pytest.fixture
def both(
    terminal: Terminal, es: Elasticsearch, namespace: str, pump: tuple[Path, str], tmp_path: Path
) -> Iterator[tuple[Terminal, Terminal]]:
    """A terminal for the shipped model, and one for the other model, in the same namespace."""
    model, url = pump
    yield (
        terminal,
        Terminal(tmp_path, {**terminal.settings, "OVERSIGHT_MODEL": str(model), "OVERSIGHT_ENRICH_URL": url}),
    )
    remove(es, namespace, DATASET)


def test_provision_ship_predict_and_remove_do_not_touch_the_other_dataset(
    both: tuple[Terminal, Terminal], es: Elasticsearch, namespace: str, shipped_service: str
) -> None:
    kdd, pumps = both
    first, second = stream_name(namespace), stream_name(namespace, DATASET)

    assert kdd.type("provision").returncode == 0
    before = _state(es, namespace)
    assert pumps.type("provision", "--check").returncode == 1
    assert pumps.type("provision").returncode == 0
    after = _state(es, namespace)
    assert {name: after[name] for name in before} == before, "the other dataset was touched"
    added = set(after) - set(before)
    assert {name.rpartition(" ")[2] for name in added if "stream" not in name} >= {
        f"oversight-router-{DATASET}-{namespace}",
        f"oversight-fields-{DATASET}-{namespace}",
    }
    assert all(name.endswith(f"{DATASET}-{namespace}") for name in added)
    for terminal in both:
        assert terminal.type("provision", "--check").returncode == 0
        assert set(_actions(terminal.json("provision"))) == {"unchanged"}

    (kdd.folder / "kdd.csv").write_text(GOOD, encoding="utf-8")
    (kdd.folder / "pumps.json").write_text("\n".join(map(json.dumps, PUMPS)), encoding="utf-8")
    assert kdd.json("ship", "kdd.csv")["stored"] == len(GOOD.splitlines())
    assert pumps.json("ship", "pumps.json")["stored"] == len(PUMPS)
    for terminal, url in ((kdd, pumps.settings["OVERSIGHT_ENRICH_URL"]), (pumps, shipped_service)):
        wrong = terminal.type("watch", "--once", OVERSIGHT_ENRICH_URL=url)
        assert wrong.returncode == 1
        assert "a model of the dataset" in wrong.stderr
    assert pumps.type("watch", "--once").returncode == 0
    assert [status["pending"] for status in (kdd.json("status"), pumps.json("status"))] == [len(GOOD.splitlines()), 0]
    done = kdd.type("watch", "--once", OVERSIGHT_ENRICH_URL=shipped_service)
    assert done.returncode == 0, done.stderr
    quiet, bursting = _documents(es, second)
    assert [one["oversight"]["prediction"]["label"] for one in (quiet, bursting)] == ["normal", "burst"]
    assert [one["data_stream"]["dataset"] for one in (quiet, bursting)] == [f"oversight.{DATASET}"] * 2
    assert bursting["event"]["dataset"] == f"oversight.{DATASET}"
    assert bursting["event"]["kind"] == "alert", "the watcher treats the stream as a foreign index"
    assert all(one["oversight"]["model"]["id"] == "kdd99-mlp" for one in _documents(es, first))

    es.indices.refresh(index=heartbeat_index(namespace))
    status = kdd.json("status")
    assert [one["ended"]["index"] for one in (status, pumps.json("status"))] == [first, second]
    assert [(one["dataset"], one["name"]) for one in status["datasets"]] == [
        ("connection", "kdd99-mlp"),
        (DATASET, ONE_SIGMOID.name),
    ]
    assert len(status["datasets"][1]["features"]) == len(ONE_SIGMOID.features)
    text = kdd.type("status", "--dataset", DATASET).stdout
    assert second in text
    assert f"  {DATASET}: {ONE_SIGMOID.name}" in text

    assert [(one["dataset"], one["features"]) for one in _console_lists(kdd)] == [
        ("connection", 41),
        (DATASET, len(ONE_SIGMOID.features)),
    ]

    here = _state(es, namespace)
    assert pumps.type("provision", "--remove", "--with-data").returncode == 0
    left = _state(es, namespace)
    assert left == {name: here[name] for name in here if DATASET not in name}
    assert kdd.type("provision", "--check").returncode == 0
    assert len(_documents(es, first)) == len(GOOD.splitlines())
    assert [one["dataset"] for one in kdd.json("status")["datasets"]] == ["connection"]

    assert kdd.type("provision", "--remove", "--with-data").returncode == 0
    assert _state(es, namespace) == {}


def test_shared_resources_stay_until_the_last_dataset_is_removed(
    both: tuple[Terminal, Terminal], es: Elasticsearch, namespace: str
) -> None:
    kdd, pumps = both
    for terminal in both:
        assert terminal.type("provision").returncode == 0
    shared = {heartbeat_index(namespace), alerts_index(namespace)}
    stayed = {
        step["name"]: step["reason"]
        for step in kdd.json("provision", "--remove", "--with-data")["steps"]
        if step["action"] == "stayed"
    }
    assert stayed == dict.fromkeys(shared, f"shared with other datasets of this namespace: {DATASET}")
    assert pumps.type("provision", "--check").returncode == 0
    steps = pumps.json("provision", "--remove", "--with-data")["steps"]
    assert shared <= {step["name"] for step in steps if step["action"] == "removed"}
    assert _state(es, namespace) == {}


def test_an_option_or_setting_overrides_the_dataset_of_the_contract(
    terminal: Terminal, es: Elasticsearch, namespace: str
) -> None:
    """Artifacts of format 1 have no dataset; they use `connection` unless the user names another one."""
    try:
        steps = terminal.json("provision", "--dataset", DATASET)
        assert steps["stream"] == stream_name(namespace, DATASET)
        assert terminal.type("provision", "--check", OVERSIGHT_DATASET=DATASET).returncode == 0
        assert terminal.type("provision", "--check").returncode == 1, "the model has another dataset"
        (terminal.folder / "kdd.csv").write_text(GOOD, encoding="utf-8")
        hint = terminal.type("ship", "kdd.csv", "--dataset", "nothing")
        assert f"`oversight provision --namespace {namespace} --dataset nothing`" in hint.stderr
    finally:
        remove(es, namespace, DATASET)


@pytest.mark.parametrize("wrong", ["Pump", "pump-room", "..", "x" * 81])
def test_an_invalid_dataset_name_is_rejected(wrong: str, tmp_path: Path) -> None:
    done = Terminal(tmp_path, {}).type("provision", "--plan", "--dataset", wrong)
    assert (done.returncode, done.stderr.count("\n")) == (64, 1)
    assert f"OVERSIGHT_DATASET={wrong}: a dataset has 1 to 80 characters" in done.stderr


def _console_lists(terminal: Terminal) -> Any:
    """The datasets on the console's operations page."""
    url, namespace = terminal.settings["ELASTICSEARCH_URL"], terminal.settings["OVERSIGHT_NAMESPACE"]
    shared = OversightSettings(namespace=namespace, state=terminal.folder)
    backend = Backend(connect=lambda: Elasticsearch(url), explain=str, contract=lambda: read_contract(DEFAULT_MODEL))
    app = Console(ConsoleSettings(), shared, backend, local=True).app()
    return app.test_client().get("/api/pages/operations", base_url="http://127.0.0.1:8602").get_json()["datasets"]


def _actions(report: Any) -> list[str]:
    return [step["action"] for step in report["steps"]]


def _state(es: Elasticsearch, namespace: str) -> dict[str, Any]:
    """Pipelines, templates and streams of the namespace, by kind and name."""
    found = {
        f"pipeline {name}": body for name, body in es.options(ignore_status=404).ingest.get_pipeline().body.items()
    }
    for kind, listed in (
        ("component template", es.cluster.get_component_template().body["component_templates"]),
        ("index template", es.indices.get_index_template().body["index_templates"]),
    ):
        found |= {f"{kind} {one['name']}": one for one in listed}
    for name in es.indices.get(index=f"logs-oversight.*-{namespace}", expand_wildcards="all").body:
        stream = name.removeprefix(".ds-").partition(f"-{namespace}")[0]
        found[f"stream {stream}-{namespace}"] = name
    return {name: body for name, body in found.items() if name.endswith(f"-{namespace}")}


def _documents(es: Elasticsearch, stream: str) -> list[dict[str, Any]]:
    """The documents of a stream in the order of their lines."""
    es.indices.refresh(index=stream)
    return sorted((hit["_source"] for hit in scan(es, index=stream)), key=lambda one: int(one["log"]["offset"]))
