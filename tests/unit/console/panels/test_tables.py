"""Lists of documents as tables."""

from __future__ import annotations

from typing import Any

import pytest

from console.panels.tables import cell, documents_of
from kibana.panels.declarations import PREDICTIONS, Column, SavedSearch
from tests.unit.console.panel_samples import all_panels

SEARCH = SavedSearch(
    id="s",
    title="S",
    description="",
    columns=(
        Column(field="source.ip", title="Source", optional=True),
        Column(field="destination.ip", title="Destination", optional=True),
        Column(field="user.id", title="User"),
    ),
)


@pytest.mark.parametrize(
    ("documents", "titles", "cells"),
    [
        ([], ["User"], []),
        ([{"user": {"id": "alpha"}}], ["User"], [["alpha"]]),
        (
            [{"user": {"id": "alpha"}}, {"destination": {"ip": "172.16.10.45"}}],
            ["Destination", "User"],
            [["", "alpha"], ["172.16.10.45", ""]],
        ),
        (
            [{"source.ip": "192.0.2.17", "destination.ip": "172.16.10.45"}],
            ["Source", "Destination", "User"],
            [["192.0.2.17", "172.16.10.45", ""]],
        ),
    ],
)
def test_an_optional_column_is_shown_if_a_document_has_a_value(
    documents: list[dict[str, Any]], titles: list[str], cells: list[list[str]]
) -> None:
    """KDD's own files have no addresses: two empty columns would only take room."""
    hits = [
        {"_index": "i", "_id": str(number), "_source": {"@timestamp": "2026-11-25T10:00:00Z", **document}}
        for number, document in enumerate(documents)
    ]
    table = documents_of(SEARCH, {"hits": {"hits": hits}}, "@timestamp")
    assert [column["title"] for column in table["columns"]] == ["Happened", *titles]
    assert [row["cells"][1:] for row in table["rows"]] == cells


@pytest.mark.parametrize(
    ("risk", "shown"), [(70, "70.0"), (98.53, "98.5"), (63.25, "63.2"), (None, ""), ("high", "high")]
)
def test_risks_have_the_same_number_of_decimals(risk: Any, shown: str) -> None:
    """70, 98.53 and 63.2 below each other are hard to compare."""
    assert cell(risk, "event.risk_score") == shown


def test_a_list_says_which_time_its_first_column_is() -> None:
    """In *Newest alerts* it is the time of the verdict; the time of the event has a column of its own."""
    (newest,) = (panel.search for _, panel in all_panels() if panel.id == "newest-alerts")
    assert newest is not None
    assert newest.source is PREDICTIONS
    source = {"@timestamp": "2026-11-25T10:00:00Z", "oversight": {"prediction": {"at": "2026-11-25T10:00:02Z"}}}
    hits = [{"_index": "i", "_id": "1", "_source": source}]
    table = documents_of(newest, {"hits": {"hits": hits}}, PREDICTIONS.time_field)
    assert [(column["title"], column["kind"]) for column in table["columns"][:2]] == [
        ("Predicted", "time"),
        ("Happened", "time"),
    ]
    assert table["rows"][0]["cells"][:2] == ["2026-11-25T10:00:02Z", "2026-11-25T10:00:00Z"]


def test_every_empty_panel_has_a_reason() -> None:
    """ "Nothing in this time range" leaves the reader to guess what is missing."""
    found = {panel.id: panel.may_be_empty for _, panel in all_panels() if panel.chart != "metric"}
    assert [name for name, reason in found.items() if not reason] == []
    assert found["alerts-by-severity"] == "there is no alert in this time range that matches the filters"
    assert found["newest-alerts"] == found["alerts-by-severity"]
    assert found["threats-bar"] == "there is no threat in this time range that matches the filters"
    assert found["unknowns-over-time"] == "no verdict is `unknown` in this time range that matches the filters"
    assert found["ingested-by-status"] == "there is no event in this time range that matches the filters"
