"""Lists of documents as tables."""

from __future__ import annotations

from typing import Any

import pytest

from console.panels.tables import documents_of
from kibana.panels.declarations import Column, SavedSearch

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
    assert [column["title"] for column in table["columns"]] == ["Time", *titles]
    assert [row["cells"][1:] for row in table["rows"]] == cells
