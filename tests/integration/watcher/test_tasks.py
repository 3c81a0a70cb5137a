"""Predictions of models for other tasks are written, found, suppressed, and replaced when a document is rescored."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.integration.watcher.conftest import Place, event, on_two
from tests.servers import enrich_service
from tests.tasks import BOTH, BURSTING, NOISY, QUIET, write_task
from watcher.operations import selection
from watcher.operations.rescore import rescore
from watcher.operations.sweep import Limits

TASKS = ("regression", "reconstruction", "several labels")
PUMPS = {"quiet": QUIET, "burst": BURSTING, "loud": NOISY, "both": BOTH}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """URL of a service for each task."""
    with ExitStack() as running:
        folders: dict[str, Path] = {task: tmp_path_factory.mktemp("task") for task in TASKS}
        yield {task: running.enter_context(enrich_service(write_task(folders[task], task))) for task in TASKS}


def pumps() -> dict[str, dict[str, Any]]:
    return {name: {**event(0), **source} for name, source in PUMPS.items()}


def found(place: Place, query: dict[str, Any]) -> set[str]:
    """Ids of the documents that match a query."""
    place.es.indices.refresh(index=place.index)
    return {hit["_id"] for hit in place.es.search(index=place.index, query=query)["hits"]["hits"]}


def predictions(place: Place) -> dict[str, dict[str, Any]]:
    return {name: source["oversight"]["prediction"] for name, source in place.sources().items()}


@on_two
def test_numbers_and_labels_are_written_and_can_be_searched(place: Place, services: dict[str, str]) -> None:
    place.put(pumps())
    totals = place.watch(services["regression"])
    assert (totals.enriched, totals.failed, totals.trouble) == (4, 0, None)
    assert {name: each["value"] for name, each in predictions(place).items()} == {
        "quiet": 8.3,
        "burst": 24.3,
        "loud": 8.95,
        "both": 24.95,
    }
    assert found(place, {"range": {"oversight.prediction.value": {"gt": 20}}}) == {"burst", "both"}
    assert found(place, {"term": {"event.kind": "alert"}}) == {"burst", "both"}


@on_two
def test_a_rescored_document_has_nothing_left_of_the_task_before(place: Place, services: dict[str, str]) -> None:
    """An anomaly score beside the value of an earlier regression would mix two models."""
    place.put(pumps())
    own = {
        "regression": {"value"},
        "reconstruction": {"score"},
        "several labels": {"labels", "probability", "top"},
    }
    of_tasks = set().union(*own.values())
    for task in (*TASKS, "regression"):
        place.watch(services[task])
        for name, prediction in predictions(place).items():
            assert {key for key in of_tasks if prediction.get(key) is not None} == own[task], (task, name)
        for key in ("value", "score", "labels"):
            expected = set(PUMPS) if key in own[task] else set()
            assert found(place, {"exists": {"field": f"oversight.prediction.{key}"}}) == expected, (task, key)
        if task == "several labels":
            assert found(place, {"term": {"oversight.prediction.labels": "loud"}}) == {"loud", "both"}
        rescore(place.es, place.index, selection.enriched(), limits=Limits(page_size=7), stop=threading.Event())
        assert place.statuses() == ["pending"] * len(PUMPS)


@on_two
def test_an_expected_value_is_suppressed_by_its_label(place: Place, services: dict[str, str], tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("label: out_of_bounds; user.id: tester; name: the test bench\n", encoding="utf-8")
    place.put({**pumps(), "tested": {**event(0), **BURSTING, "user": {"id": "tester"}}})
    place.watch(services["regression"], suppress=rules)
    sources = place.sources()
    assert sources["tested"]["event"]["kind"] == "event"
    assert sources["tested"]["oversight"]["suppressed_by"] == "the test bench"
    assert sources["tested"]["oversight"]["prediction"]["value"] == 24.3
    assert sources["burst"]["event"]["kind"] == "alert"
    assert found(place, {"term": {"event.kind": "alert"}}) == {"burst", "both"}


@on_two
def test_an_index_that_is_not_ours_gets_the_numbers_too(foreign: Place, services: dict[str, str]) -> None:
    foreign.put(pumps())
    foreign.watch(services["reconstruction"])
    sources = foreign.sources()
    assert sources["burst"]["oversight"]["prediction"]["score"] == 2.0
    assert sources["burst"]["oversight"]["alert"]["event"]["category"] == ["host", "intrusion_detection"]
    assert sources["quiet"]["oversight"]["prediction"]["score"] == 0.0
    assert sources["quiet"]["oversight"]["alert"]["event"]["kind"] == "event"
