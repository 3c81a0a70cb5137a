"""Exports: a spreadsheet shows every cell as text, and nothing of an event is lost."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from console.finding.export import safe, text_of

FIELDS = ("user.id", "oversight.prediction.reasons", "event.risk_score")


def hit(user: Any = "alpha", reasons: Any = None, risk: Any = None) -> dict[str, Any]:
    source = {"user": {"id": user}, "oversight": {"prediction": {"reasons": reasons}}, "event": {"risk_score": risk}}
    return {"_index": "i", "_id": "1", "_source": source}


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=cmd|" /C calc"!A0', "＝1", "－1", "＋1", "＠1"]
)
def test_a_cell_never_begins_as_a_formula(text: str) -> None:
    for value in (text, [text, "b"]):
        found = text_of([hit(user=value)], FIELDS, "csv", head=False)
        (row,) = csv.reader(io.StringIO(found, newline=""))
        assert row[2].startswith("'")


def test_a_negative_number_stays_a_number() -> None:
    assert safe(-5.25) == "-5.25"
    assert safe("-5.25") == "'-5.25"


def test_csv_has_one_line_for_each_event() -> None:
    """Quotes and commas are quoted; line ends and hidden characters are spelled out."""
    hits = [
        hit(user='a,"b"\n<script>', reasons=["one", "two"], risk=4.5),
        hit(user="\u202egpj.exe"),
        hit(user={"x": 1}),
    ]
    found = text_of(hits, FIELDS, "csv", head=True)
    assert found.count("\r\n") == 4
    rows = list(csv.reader(io.StringIO(found, newline="")))
    assert rows[0] == ["_index", "_id", *FIELDS]
    assert rows[1] == ["i", "1", 'a,"b"\\n<script>', "one; two", "4.5"]
    assert rows[2][2] == "\\u202egpj.exe"


def test_json_lines_keep_every_value() -> None:
    hits = [hit(user="=1+1\n\u202e\ud800", reasons=["one"], risk=10**30), hit(user=None)]
    found = text_of(hits, FIELDS, "jsonl", head=True)
    lines = [json.loads(line) for line in found.splitlines()]
    assert lines[0] == {
        "_index": "i",
        "_id": "1",
        "user.id": "=1+1\n\u202e\ud800",
        "oversight.prediction.reasons": ["one"],
        "event.risk_score": 10**30,
    }
    assert lines[1]["user.id"] is None
    assert found.encode()
