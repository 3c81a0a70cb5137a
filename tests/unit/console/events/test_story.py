"""The whole story of one event."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from console.events.story import novelty, story
from tests.task_documents import METRICS, POWER, SEVERAL
from tests.unit.console.panel_samples import contract, shown

COLOURS = shown().boards.colours


def hit(source: Any) -> dict[str, Any]:
    return {"_index": "i", "_id": "1", "_source": source}


ALERT = {
    "@timestamp": "2026-11-25T10:00:00Z",
    "event": {
        "kind": "alert",
        "severity": 73,
        "risk_score": 71.5,
        "original": "0,tcp,http",
        "ingested": "2026-11-25T10:00:01Z",
    },
    "user": {"id": "alpha"},
    "kdd99": {"src_bytes": 1e12, "service": "no-such-service", "count": 5, "flag": "SF"},
    "threat": {
        "tactic": {"id": "TA0040", "name": "Impact", "reference": "https://attack.mitre.org/tactics/TA0040/"},
        "technique": {"id": "T1499", "name": "Endpoint Denial of Service", "reference": "javascript:alert(1)"},
    },
    "oversight": {
        "status": "enriched",
        "model": {"id": "kdd99-mlp", "version": "4324a78c35e4"},
        "prediction": {
            "label": "neptune",
            "closest": "neptune",
            "family": "dos",
            "probability": 0.98,
            "novelty": 0.2,
            "reasons": ["count is 511"],
            "warnings": ["out_of_range:kdd99.src_bytes"],
            "top": ["normal 0.015", "neptune 0.980", "damaged", 7],
            "at": "2026-11-25T10:00:02Z",
        },
        "feedback": {"verdict": "true_positive", "by": "ana"},
    },
}


def test_the_story_of_an_alert_is_complete() -> None:
    details = story(hit(ALERT), contract(), COLOURS)
    assert details["raw"] == "0,tcp,http"
    assert details["verdict"]["label"] == "neptune"
    assert details["verdict"]["severity_word"] == "high"
    assert details["verdict"]["colour"] == COLOURS["label"]["neptune"]
    assert [(one["label"], one["probability"]) for one in details["top"]] == [("neptune", 0.98), ("normal", 0.015)]
    assert details["top"][0]["colour"] == COLOURS["label"]["neptune"]
    assert details["warnings"] == [{"field": "kdd99.src_bytes", "says": "is outside the range of training"}]
    assert details["feedback"] == {"verdict": "true_positive", "by": "ana"}
    assert details["model"]["current"]
    assert [name for name, _ in details["times"]] == ["Happened", "Arrived", "Predicted"]
    assert '"_id": "1"' in details["document"]


@pytest.mark.parametrize(
    ("fields", "machines"),
    [
        ({}, []),
        (
            {"source": {"ip": "192.0.2.17", "port": 4431}, "destination": {"ip": "172.16.10.44", "port": 80}},
            [["Source", "192.0.2.17:4431"], ["Destination", "172.16.10.44:80"]],
        ),
        (
            {"source": {"ip": "2001:db8::7", "port": 53}, "destination": {"ip": "2001:db8::8", "bytes": 9}},
            [["Source", "[2001:db8::7]:53"], ["Destination", "2001:db8::8"]],
        ),
        ({"source.ip": "\u202e7", "destination": {"ip": 7}}, [["Source", "\\u202e7"]]),
    ],
)
def test_the_machines_of_an_event_have_their_ports_where_they_are_known(fields: Any, machines: list[Any]) -> None:
    assert story(hit({**ALERT, **fields}), contract(), COLOURS)["machines"] == machines


def test_only_a_page_of_attack_is_a_link() -> None:
    """The reference in a document is foreign text."""
    pages = {one["kind"]: one["page"] for one in story(hit(ALERT), contract(), COLOURS)["attack"]}
    assert pages == {"Tactic": "https://attack.mitre.org/tactics/TA0040/", "Technique": None}


def test_features_are_compared_with_training() -> None:
    """Unseen and unusual values are marked."""
    rows = {row["name"]: row for row in story(hit(ALERT), contract(), COLOURS)["features"]["rows"]}
    assert rows["src_bytes"]["outside"] == "unseen"
    assert rows["service"]["outside"] == "unseen"
    assert rows["flag"]["outside"] is None
    assert rows["duration"]["outside"] == "missing"
    assert " to " in rows["count"]["usual"]


def test_a_failed_event_says_why() -> None:
    source = {
        "oversight": {"status": "failed", "failure": {"processor": "split-row", "pipeline": "p"}},
        "error": {"type": "column_count", "message": "the line has 40 columns"},
        "event": {"original": ""},
    }
    details = story(hit(source), contract(), COLOURS)
    assert details["verdict"] is None
    assert details["raw"] == ""
    assert details["failure"] == {
        "type": "column_count",
        "message": "the line has 40 columns",
        "processor": "split-row",
        "pipeline": "p",
    }


def test_an_event_of_another_model_is_shown_with_its_own_fields() -> None:
    """The current model has other features: the fields of the document are listed as facts."""
    other = dataclasses.replace(
        contract(),
        name="other",
        features=tuple(dataclasses.replace(one, field=f"mine.{one.name}") for one in contract().features),
    )
    details = story(hit(ALERT), other, COLOURS)
    assert details["features"]["rows"] == []
    assert not details["model"]["current"]
    assert "kdd99.count" in {name for name, _ in details["facts"]}


def test_a_foreign_index_has_its_alert_below_another_root() -> None:
    source = {
        "event": {"severity": 3},
        "oversight": {"prediction": {"label": "x"}, "alert": {"event": {"severity": 99}}},
    }
    assert story(hit(source), contract(), COLOURS)["verdict"]["severity"] == 99


def test_the_likeliest_labels_of_a_document_of_an_older_version_are_shown() -> None:
    """It has objects instead of words."""
    old = [{"label": "neptune", "probability": 0.98}, {"label": "normal", "probability": 0.015}]
    source = {"oversight": {"prediction": {"label": "neptune", "top": old}}}
    shown = story(hit(source), contract(), COLOURS)["top"]
    assert [(one["label"], one["probability"]) for one in shown] == [("neptune", 0.98), ("normal", 0.015)]


SHAPES: tuple[Any, ...] = (
    None,
    {},
    {"oversight": "x"},
    {"oversight.status": "failed", "oversight": {"status": "enriched"}},
    {"event": {"original": 7}},
    {"oversight": {"prediction": {"label": ["a"], "top": "x"}}},
)


@pytest.mark.parametrize("source", SHAPES, ids=range(len(SHAPES)))
def test_a_document_of_any_shape_has_a_story(source: Any) -> None:
    """Missing parts are shown as unknown."""
    assert story(hit(source), contract(), COLOURS)["verdict"] is None


def test_a_value_is_shown_with_its_bounds_and_a_score_with_its_threshold() -> None:
    """With the unit; a probability has no such limit."""
    value = {"oversight": {"prediction": {"label": "out_of_bounds", "value": 990.454}}}
    details = story(hit(value), POWER, COLOURS)["verdict"]
    assert details["measured"] == ["Value (kWh)", "990.454, lower bound 5, upper bound 900"]
    assert details["probability"] is None
    score = {"oversight": {"prediction": {"label": "anomaly", "score": 0.25}}}
    assert story(hit(score), METRICS, COLOURS)["verdict"]["measured"] == ["Score", "0.25, threshold 0.08"]
    assert story(hit(ALERT), contract(), COLOURS)["verdict"]["measured"] is None


def test_all_labels_that_hold_are_shown() -> None:
    """Beside the strongest one; the event is about a machine."""
    source = {
        "host": {"name": "pump-1"},
        "oversight": {"prediction": {"label": "hot", "labels": ["hot", "loud"], "probability": 0.9}},
    }
    details = story(hit(source), SEVERAL, COLOURS)
    assert details["verdict"]["labels"] == ["hot", "loud"]
    assert details["who"] == ["Machine", "pump-1"]


def test_a_date_is_shown_with_the_number_that_the_model_reads() -> None:
    """It is not marked as unseen in training."""
    seen = {"power": {"outside_c": 3, "seen": "2026-11-30T13:05:26Z"}}
    rows = {row["name"]: row for row in story(hit(seen), POWER, COLOURS)["features"]["rows"]}
    assert (rows["seen"]["value"], rows["seen"]["outside"]) == ("2026-11-30T13:05:26Z (hour 13)", None)
    assert rows["outside"]["value"] == "3"


@pytest.mark.parametrize(
    ("measured", "threshold", "shown"),
    [
        (None, 0.5, None),
        (0.2, None, "20.0 %"),
        (0.312, 0.5, "31.2 % (threshold 50.0 %, not above it: like the training rows)"),
        (0.981, 0.5, "98.1 % (threshold 50.0 %, above it: unlike the training rows)"),
    ],
)
def test_a_novelty_says_what_it_means(measured: float | None, threshold: float | None, shown: str | None) -> None:
    """A number alone does not say whether the event is novel."""
    assert novelty(measured, threshold) == shown
