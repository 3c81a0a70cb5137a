"""A model of each task, from its ONNX artifact to enriched documents: provision, ship a CSV file, serve, watch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from benchmarks.es_pipelines.removal import remove
from contract.documents.fields import stream_name
from tests.acceptance.commands import Terminal
from tests.servers import enrich_service
from tests.tasks import ALL, write_task
from tests.waiting import WAIT_S

HEADER = "noise,pressure"
"""Not in the model's order: columns are found by name."""
ROWS = {
    "quiet": "30,4.0",
    "burst": "30,12.0",
    "loud": "95,4.0",
    "wrong": "30,deep",
}
MIXED_HEADER = "port,at,open,built,pressure,mode,noise"
MIXED_ROWS = {
    "quiet": "443,2026-03-02 12:30:00,false,2026-01-01T00:00:10Z,4.0,steady,30",
    "gaps": "443,2026-03-02 12:30:00,False,2026-01-01T00:00:10Z,,,",
    "open": "443,2026-03-02 12:30:00,true,2026-01-01T00:00:10Z,4.0,steady,30",
    "night": "22,2026-03-02 00:30:00,0,2026-01-01T00:00:10Z,4.0,steady,30",
    "wrong": "443,2026-03-02 12:30:00,ajar,2026-01-01T00:00:10Z,4.0,steady,30",
}
EXPECTED: dict[str, dict[str, dict[str, Any]]] = {
    "one sigmoid": {
        "quiet": {"label": "normal", "probability": 0.982014},
        "burst": {"label": "burst", "probability": 0.982014},
        "loud": {"label": "normal"},
    },
    "several labels": {
        "quiet": {"labels": ["normal"], "label": "normal"},
        "burst": {"labels": ["burst"], "label": "burst"},
        "loud": {"labels": ["loud"], "label": "loud"},
    },
    "regression": {
        "quiet": {"value": 8.3, "label": "within_bounds"},
        "burst": {"value": 24.3, "label": "out_of_bounds"},
        "loud": {"value": 8.95, "label": "within_bounds"},
    },
    "reconstruction": {
        "quiet": {"score": 0.0, "label": "normal"},
        "burst": {"score": 2.0, "label": "anomaly"},
        "loud": {"score": 1.625, "label": "anomaly"},
    },
    "score below": {
        "quiet": {"score": 1.0, "label": "normal"},
        "burst": {"score": -7.0, "label": "anomaly"},
        "loud": {"score": 1.0, "label": "normal"},
    },
    "mixed": {
        "quiet": {"label": "normal"},
        "gaps": {"label": "burst", "reasons": ["pressure is missing (usually 4)"]},
        "open": {"label": "burst", "reasons": ["open is true (usually false)"]},
        "night": {"label": "burst"},
    },
}


@pytest.fixture(scope="module")
def engine(embedded_url: str) -> Iterator[Elasticsearch]:
    """The embedded engine for all tasks; each task has its own dataset."""
    with Elasticsearch(embedded_url, request_timeout=WAIT_S) as client:
        yield client


def documents_of(es: Elasticsearch, stream: str, rows: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The stored documents by the name of their row."""
    es.indices.refresh(index=stream)
    found = sorted((hit["_source"] for hit in scan(es, index=stream)), key=lambda source: source["log"]["offset"])
    return dict(zip(rows, found, strict=True))


@pytest.mark.parametrize("task", ALL)
def test_a_model_of_each_task_enriches_documents(
    task: str, engine: Elasticsearch, embedded_url: str, namespace: str, tmp_path: Path
) -> None:
    header, rows = (MIXED_HEADER, MIXED_ROWS) if task == "mixed" else (HEADER, ROWS)
    dataset = f"pump.{task.replace(' ', '_')}"
    model = write_task(tmp_path, task, replace(ALL[task][0], dataset=dataset))
    (tmp_path / "rows.csv").write_text("\n".join([header, *rows.values()]), encoding="utf-8")
    settings = {"ELASTICSEARCH_URL": embedded_url, "OVERSIGHT_NAMESPACE": namespace, "OVERSIGHT_MODEL": str(model)}
    try:
        with enrich_service(model) as url:
            terminal = Terminal(tmp_path, {**settings, "OVERSIGHT_ENRICH_URL": url})
            assert terminal.type("provision").returncode == 0
            assert terminal.json("ship", "rows.csv")["stored"] == len(rows)
            watched = terminal.type("watch", "--once")
            assert watched.returncode == 0, watched.stderr
            checks = {each["about"]: each for each in terminal.json("check")}
            assert all(each["good"] for each in checks.values()), checks
            assert f"task: {ALL[task][0].task}" in str(checks["artifact"])
        documents = documents_of(engine, stream_name(namespace, dataset), rows)
    finally:
        remove(engine, namespace, dataset)

    wrong = documents.pop("wrong")
    assert wrong["oversight"]["status"] == "failed"
    assert wrong["error"]["type"] == ("not_a_boolean" if task == "mixed" else "not_a_number")
    assert set(documents) == set(EXPECTED[task])
    for name, expected in EXPECTED[task].items():
        found = documents[name]
        prediction = found["oversight"]["prediction"]
        assert {key: prediction.get(key) for key in expected} == expected, name
        alerts = prediction["label"] not in ("normal", "within_bounds")
        assert found["event"]["kind"] == ("alert" if alerts else "event"), name
        assert found["event"]["category"] == (["host", "intrusion_detection"] if alerts else ["host"])
        assert ("reasons" in prediction) == alerts
        assert found["oversight"]["status"] == "enriched"
    if task == "mixed":
        gaps = documents["gaps"]["pump"]
        assert gaps == {"port": "443", "at": "2026-03-02T12:30:00", "open": False, "built": "2026-01-01T00:00:10Z"}


@pytest.mark.parametrize(
    ("task", "column", "truths", "expected"),
    [
        ("one sigmoid", "label", ("normal", "burst", "burst"), {"accuracy": 0.6667, "right_alerts": 1, "missed": 1}),
        ("regression", "litres", ("8.3", "24.3", "9.95"), {"mean_absolute_error": 0.3333, "right_alerts": 1}),
        ("reconstruction", "label", ("normal", "anomaly", "normal"), {"roc_auc": 1.0, "wrong_alerts": 1}),
    ],
)
def test_evaluate_compares_predictions_with_the_shipped_truth(
    task: str,
    column: str,
    truths: tuple[str, ...],
    expected: dict[str, float],
    embedded_url: str,
    engine: Elasticsearch,
    namespace: str,
    tmp_path: Path,
) -> None:
    """Rows with a column for the truth ─▶ provision, ship, watch ─▶ `oversight evaluate` without a file."""
    dataset = f"pump.{task.replace(' ', '_')}"
    model = write_task(tmp_path, task, replace(ALL[task][0], dataset=dataset))
    rows = [f"{ROWS[name]},{truth}" for name, truth in zip(("quiet", "burst", "loud"), truths, strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join([f"{HEADER},{column}", *rows]), encoding="utf-8")
    settings = {"ELASTICSEARCH_URL": embedded_url, "OVERSIGHT_NAMESPACE": namespace, "OVERSIGHT_MODEL": str(model)}
    try:
        with enrich_service(model) as url:
            terminal = Terminal(tmp_path, {**settings, "OVERSIGHT_ENRICH_URL": url})
            assert terminal.type("provision").returncode == 0
            assert terminal.json("ship", "rows.csv")["stored"] == 3
            assert terminal.type("watch", "--once").returncode == 0
        found = terminal.json("evaluate", *(() if column == "label" else ("--label", column)))
    finally:
        remove(engine, namespace, dataset)
    assert found["by_truth"]["documents"] == 3
    assert {name: found["by_truth"][name] for name in expected} == expected


@pytest.mark.parametrize("task", ALL)
def test_the_commands_describe_a_model_of_each_task(task: str, tmp_path: Path) -> None:
    """`oversight model` shows when the model alerts, and how each field is read."""
    model = write_task(tmp_path, task)
    terminal = Terminal(tmp_path, {"OVERSIGHT_MODEL": str(model)})
    page = terminal.json("model")
    assert page["contract"]["format"] == 2
    shown = terminal.type("model").stdout
    says = {
        "one sigmoid": "classification, burst from a probability of 0.3 on",
        "several labels": "classification, several labels may hold",
        "regression": "regression, in litres, alerts below 0 or above 20",
        "reconstruction": "anomaly, alerts above a score of 1 (mae)",
        "score below": "anomaly, alerts below a score of -1",
        "mixed": "classification",
    }
    assert f"task: {says[task]}\n" in shown
    if task == "mixed":
        assert "boolean" in shown
        assert "date, hour" in shown
        assert "may be missing" in shown
