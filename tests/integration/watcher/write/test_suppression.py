"""A suppressed alert keeps its whole prediction and does not alert."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from contract.documents.fields import ENRICH_ROOTS, SUPPRESSED, SUPPRESSED_BY
from contract.errors import SettingsError
from tests.integration.watcher.conftest import Place, event
from watcher.operations import selection
from watcher.operations.rescore import rescore
from watcher.operations.status import read_status
from watcher.operations.sweep import Limits


def scans() -> dict[str, dict[str, Any]]:
    """Hot documents of two machines, which are alerts, and a healthy one of the scanner."""
    return {
        "scanner": event(1, source={"ip": "10.1.2.3"}, user={"id": "scan"}),
        "stranger": event(1, source={"ip": "192.0.2.7"}),
        "healthy": event(0, source={"ip": "10.1.2.3"}),
    }


def test_an_expected_alert_does_not_alert_until_its_rule_goes(place: Place, service: str, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("source.ip: 10.1.0.0/16; family: heat; name: the scanner\n", encoding="utf-8")
    place.put(scans())
    place.watch(service, suppress=rules)
    found = place.sources()
    quiet, loud, healthy = (found[name] for name in ("scanner", "stranger", "healthy"))
    assert (quiet["event"]["kind"], quiet["oversight"]["suppressed"], quiet["oversight"]["suppressed_by"]) == (
        "event",
        True,
        "the scanner",
    )
    assert quiet["rule"] == loud["rule"]
    assert quiet["threat"] == loud["threat"]
    assert quiet["event"]["severity"] == loud["event"]["severity"]
    assert quiet["oversight"]["prediction"]["label"] == loud["oversight"]["prediction"]["label"] == "overheating"
    assert loud["event"]["kind"] == "alert"
    assert "suppressed" not in loud["oversight"]
    assert "suppressed" not in healthy["oversight"]
    assert read_status(place.es, place.index).suppressed == 1

    rules.write_text("user.id: nobody\n", encoding="utf-8")
    limits, stop = Limits(), threading.Event()
    assert rescore(place.es, place.index, selection.enriched(), limits=limits, stop=stop).changed == 3
    place.watch(service, suppress=rules)
    now = place.sources()["scanner"]
    assert now["event"]["kind"] == "alert"
    assert (now["oversight"]["suppressed"], now["oversight"]["suppressed_by"]) == (None, None)
    assert now["oversight"]["prediction"]["at"] == quiet["oversight"]["prediction"]["at"], (
        "no old alert looks like a new one"
    )


def test_in_a_foreign_index_its_own_fields_stay(foreign: Place, service: str, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("user.id: scan\n", encoding="utf-8")
    foreign.put(scans())
    foreign.watch(service, suppress=rules)
    found = foreign.sources()
    assert found["scanner"]["oversight"]["alert"]["event"]["kind"] == "event"
    assert found["scanner"]["oversight"]["suppressed"] is True
    assert found["stranger"]["oversight"]["alert"]["event"]["kind"] == "alert"
    assert found["scanner"]["event"] == scans()["scanner"]["event"]


@pytest.mark.parametrize("engine_url", ["embedded"], indirect=True)
def test_a_bad_line_stops_the_start(place: Place, service: str, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("source.ip: everywhere\n", encoding="utf-8")
    place.put(scans())
    with pytest.raises(SettingsError, match="line 1: 'everywhere' is not an address"):
        place.watch(service, suppress=rules)
    assert place.statuses() == ["pending"] * 3


def test_a_service_cannot_mark_an_alert_as_suppressed() -> None:
    assert not any(
        name == root or name.startswith(f"{root}.") for root in ENRICH_ROOTS for name in (SUPPRESSED, SUPPRESSED_BY)
    )
