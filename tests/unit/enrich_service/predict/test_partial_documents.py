"""The partial document: only fields that the service may write, under names that the mapping has."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.documents.fields import BY_NAME, ENRICH_ROOTS
from contract.documents.paths import leaves
from enrich_service.model.artifact import Artifact, load
from enrich_service.predict.enrich import Enricher
from enrich_service.predict.partial_documents import numbers, risk_score
from tests.artifacts import HEALTHY, HOT, STRANGE, WORN, without_novelty, write_model
from tests.enriching import enriched

ALL = (HEALTHY, HOT, WORN, STRANGE)


def fields_of(artifact: Artifact, source: dict[str, Any], *, unknown_is_alert: bool = False) -> dict[str, Any]:
    (result,) = enriched(Enricher(artifact, unknown_is_alert=unknown_is_alert), source)
    fields: dict[str, Any] = result["fields"]
    return fields


def names(fields: dict[str, Any]) -> list[str]:
    return [name for name, _ in leaves(fields)]


@pytest.mark.parametrize("source", ALL)
@pytest.mark.parametrize("unknown_is_alert", [True, False])
def test_every_field_is_ours_to_write_and_has_a_mapping(
    turbine: Artifact, source: dict[str, Any], unknown_is_alert: bool
) -> None:
    """The watcher refuses a whole response because of one other field."""
    for name in names(fields_of(turbine, source, unknown_is_alert=unknown_is_alert)):
        assert name in BY_NAME
        assert any(name == root or name.startswith(f"{root}.") for root in ENRICH_ROOTS)


@pytest.mark.parametrize("source", ALL)
def test_the_fields_that_the_watcher_sets_are_not_set_here(turbine: Artifact, source: dict[str, Any]) -> None:
    """Only the watcher knows the time of the verdict and whether it is the first."""
    written = names(fields_of(turbine, source))
    assert not {"oversight.status", "oversight.prediction.at", "oversight.prediction.rescored"} & set(written)


def test_a_harmless_document_is_an_event_without_risk(turbine: Artifact) -> None:
    """No rule, no threat, no reasons."""
    fields = fields_of(turbine, HEALTHY)
    assert fields["event"] == {
        "kind": "event",
        "category": ["network"],
        "type": ["connection"],
        "severity": 0,
        "risk_score": 0.0,
    }
    assert set(fields) == {"event", "oversight"}
    assert set(fields["oversight"]["prediction"]) == {
        "label",
        "closest",
        "family",
        "probability",
        "top",
        "unknown",
        "novelty",
    }


def test_an_attack_is_an_alert_with_rule_and_threat(turbine: Artifact) -> None:
    """The technique and its sub-technique are in the fields that ECS defines."""
    fields = fields_of(turbine, HOT)
    assert fields["event"]["kind"] == "alert"
    assert fields["event"]["category"] == ["network", "intrusion_detection"]
    assert fields["event"]["type"] == ["connection", "info"]
    assert fields["event"]["severity"] == 73
    assert fields["rule"] == {"name": "overheating", "category": "heat", "ruleset": "oversight"}
    assert fields["threat"]["framework"] == "MITRE ATT&CK"
    assert fields["threat"]["tactic"]["id"] == "TA0040"
    assert fields["threat"]["technique"]["id"] == "T1495"
    assert fields["threat"]["technique"]["subtechnique"]["id"] == "T1495.001"
    assert fields["oversight"]["prediction"]["reasons"] == ["temperature_c is 125 (usually 60)"]


def test_an_attack_without_a_technique_names_no_threat(turbine: Artifact) -> None:
    """No threat is better than a wrong one."""
    assert "threat" not in fields_of(turbine, WORN)


def test_an_unknown_is_an_event_unless_the_setting_says_alert(turbine: Artifact) -> None:
    """Its closest label is stored beside the verdict."""
    fields = fields_of(turbine, STRANGE)
    prediction = fields["oversight"]["prediction"]
    assert (prediction["label"], prediction["closest"], prediction["unknown"]) == ("unknown", "healthy", True)
    assert prediction["family"] == "wear"
    assert fields["event"]["kind"] == "event"
    assert fields["event"]["severity"] == 47
    assert fields["event"]["risk_score"] > 0
    assert "rule" not in fields
    alert = fields_of(turbine, STRANGE, unknown_is_alert=True)
    assert alert["event"]["kind"] == "alert"
    assert alert["rule"]["name"] == "unknown"
    assert "threat" not in alert


def test_a_model_without_novelty_writes_none(tmp_path: Path) -> None:
    """A field without a value is absent, not 0."""
    fields = fields_of(load(write_model(tmp_path / "model.onnx", without_novelty())), STRANGE)
    assert "novelty" not in fields["oversight"]["prediction"]
    assert fields["oversight"]["prediction"]["label"] == "healthy"


def test_the_model_is_named_in_every_document(turbine: Artifact) -> None:
    """The model is part of every prediction."""
    assert fields_of(turbine, HEALTHY)["oversight"]["model"] == {"id": "turbine", "version": turbine.version}


@pytest.mark.parametrize(
    ("severity", "probability", "novelty", "score"),
    [
        (0, 1.0, 1.0, 0.0),
        (73, 1.0, 0.0, 73.0),
        (73, 0.5, 0.0, 36.5),
        (73, 0.5, 1.0, 73.0),
        (47, 0.0, 0.9, 42.3),
        (100, 1.0000001, 1.0, 100.0),
        (99, 0.0, 0.0, 0.0),
    ],
)
def test_the_risk_score_is_the_weighted_severity(
    severity: int, probability: float, novelty: float, score: float
) -> None:
    """Severity times the larger of attack probability and novelty."""
    assert risk_score(np.array([severity]), np.array([probability]), np.array([novelty])).tolist() == [score]


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_value_is_written_as_the_float32_that_the_model_gave(value: float) -> None:
    """For a model of bytes or prices, seven digits are too few."""
    (written,) = numbers(np.array([value], np.float32))
    assert np.float32(written) == np.float32(value)
    assert len(Decimal(repr(written)).normalize().as_tuple().digits) <= 9  # any float32 needs at most nine digits
