"""One event's whole story."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from console.events.story import story
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


def test_an_alert_tells_all_that_is_known() -> None:
    told = story(hit(ALERT), contract(), COLOURS)
    assert told["raw"] == "0,tcp,http"
    assert told["verdict"]["label"] == "neptune"
    assert told["verdict"]["severity_word"] == "high"
    assert told["verdict"]["colour"] == COLOURS["label"]["neptune"]
    assert [(one["label"], one["probability"]) for one in told["top"]] == [("neptune", 0.98), ("normal", 0.015)]
    assert told["top"][0]["colour"] == COLOURS["label"]["neptune"]
    assert told["warnings"] == [{"field": "kdd99.src_bytes", "says": "is outside the range of training"}]
    assert told["feedback"] == {"verdict": "true_positive", "by": "ana"}
    assert told["model"]["current"]
    assert [name for name, _ in told["times"]] == ["Happened", "Arrived", "Predicted"]
    assert '"_id": "1"' in told["document"]


def test_only_a_page_of_attack_is_a_link() -> None:
    """What stands in a document's reference is somebody's text."""
    pages = {one["kind"]: one["page"] for one in story(hit(ALERT), contract(), COLOURS)["attack"]}
    assert pages == {"Tactic": "https://attack.mitre.org/tactics/TA0040/", "Technique": None}


def test_features_say_what_training_knows_of_them() -> None:
    """Values that training never saw, or that are unusual, are marked."""
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
    told = story(hit(source), contract(), COLOURS)
    assert told["verdict"] is None
    assert told["raw"] == ""
    assert told["failure"] == {
        "type": "column_count",
        "message": "the line has 40 columns",
        "processor": "split-row",
        "pipeline": "p",
    }


def test_an_event_of_another_model_is_told_by_its_own_fields() -> None:
    """The model of now has other features: what the document holds stands among the facts."""
    other = dataclasses.replace(
        contract(),
        name="other",
        features=tuple(dataclasses.replace(one, field=f"mine.{one.name}") for one in contract().features),
    )
    told = story(hit(ALERT), other, COLOURS)
    assert told["features"]["rows"] == []
    assert not told["model"]["current"]
    assert "kdd99.count" in {name for name, _ in told["facts"]}


def test_an_index_that_is_not_ours_has_its_alert_below_a_root_of_its_own() -> None:
    source = {
        "event": {"severity": 3},
        "oversight": {"prediction": {"label": "x"}, "alert": {"event": {"severity": 99}}},
    }
    assert story(hit(source), contract(), COLOURS)["verdict"]["severity"] == 99


def test_the_likeliest_labels_of_a_document_of_an_older_version_are_shown() -> None:
    """It holds objects where there are words now."""
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
    """Nothing known is shown as nothing known."""
    assert story(hit(source), contract(), COLOURS)["verdict"] is None


def test_a_value_is_told_beside_its_bounds_and_a_score_beside_its_threshold() -> None:
    """With the unit; a probability has nothing to compare with."""
    value = {"oversight": {"prediction": {"label": "out_of_bounds", "value": 990.454}}}
    told = story(hit(value), POWER, COLOURS)["verdict"]
    assert told["measured"] == ["Value (kWh)", "990.454, lower bound 5, upper bound 900"]
    assert told["probability"] is None
    score = {"oversight": {"prediction": {"label": "anomaly", "score": 0.25}}}
    assert story(hit(score), METRICS, COLOURS)["verdict"]["measured"] == ["Score", "0.25, threshold 0.08"]
    assert story(hit(ALERT), contract(), COLOURS)["verdict"]["measured"] is None


def test_all_labels_that_hold_are_told() -> None:
    """Beside the strongest one; and the event is about a machine."""
    source = {
        "host": {"name": "pump-1"},
        "oversight": {"prediction": {"label": "hot", "labels": ["hot", "loud"], "probability": 0.9}},
    }
    told = story(hit(source), SEVERAL, COLOURS)
    assert told["verdict"]["labels"] == ["hot", "loud"]
    assert told["who"] == ["Machine", "pump-1"]


def test_a_date_is_shown_with_the_number_that_the_model_reads() -> None:
    """And is no value that training never saw."""
    seen = {"power": {"outside_c": 3, "seen": "2026-11-30T13:05:26Z"}}
    rows = {row["name"]: row for row in story(hit(seen), POWER, COLOURS)["features"]["rows"]}
    assert (rows["seen"]["value"], rows["seen"]["outside"]) == ("2026-11-30T13:05:26Z (hour 13.0)", None)
    assert rows["outside"]["value"] == "3"
