"""A training row from a document with dates, booleans, numbers as text, and gaps."""

from __future__ import annotations

from typing import Any

import pytest

from common.tables.batch import Batch
from converter.proof.labelled_rows import labelled_rows
from tests.tasks import MIXED, MIXED_QUIET
from watcher.operations.labels import Row, csv_header, csv_line, json_row, row_of
from watcher.read.hit import Hit

FEEDBACK = {"feedback": {"verdict": "true_positive", "label": "burst"}}


def row(**changed: Any) -> Row | str:
    """The row of a judged document with these values; None removes one."""
    pump = {name: value for name, value in {**MIXED_QUIET["pump"], **changed}.items() if value is not None}
    return row_of(Hit("1", "stream", 0, 1, {**MIXED_QUIET, "pump": pump, "oversight": FEEDBACK}), MIXED)


def cells(made: Row | str) -> dict[str, str]:
    assert isinstance(made, Row), made
    return dict(zip(csv_header(MIXED).split(","), csv_line(made).split(","), strict=True))


def test_a_row_has_the_source_value_of_each_feature() -> None:
    """A date is in both columns of its features; each reader of the file splits it again."""
    assert cells(row(open=True, port=443.0)) == {
        "pressure": "4",
        "at_hour": "2026-03-02T12:30:00+00:00",
        "mode": "steady",
        "at_weekday": "2026-03-02T12:30:00+00:00",
        "open": "1",
        "age_s": "2026-01-01T00:00:10+00:00",
        "port": "443",
        "noise": "30",
        "shift": "2026-03-04T12:00:00+00:00",
        "label": "burst",
    }


def test_an_optional_missing_value_is_an_empty_cell() -> None:
    made = row(pressure=None, mode="", noise=[])
    assert {name: cells(made)[name] for name in ("pressure", "mode", "noise")} == {
        "pressure": "",
        "mode": "",
        "noise": "",
    }
    assert isinstance(made, Row)
    assert json_row(made, MIXED)["pressure"] is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"open": None}, "pump.open is missing or is not a boolean"),
        ({"at": "noon"}, "pump.at is missing or is not a date"),
        ({"port": None}, "pump.port is missing or is not a word"),
        ({"pressure": "deep"}, "pump.pressure is missing or is not a number"),
    ],
)
def test_a_document_that_the_model_cannot_read_makes_no_row(changed: dict[str, Any], why: str) -> None:
    assert row(**changed) == why


def test_the_file_is_read_like_the_documents() -> None:
    """By the commands that evaluate a model: `evaluate`, `convert --rows`."""
    made = [cells(each) for each in (row(), row(open=True, pressure=None, port=22))]
    batch = Batch(first=1, size=2, columns={name: [each[name] for each in made] for name in made[0]})
    read = labelled_rows([batch], MIXED, label="label")
    assert (read.refused, read.why, read.truth) == (0, "", ["burst", "burst"])
    assert read.rows.numeric[0].tolist() == [4.0, 12.0, 0.0, 0.0, 10.0, 30.0, 12.0]
    assert read.rows.categorical.tolist() == [["steady", "443"], ["steady", "22"]]
