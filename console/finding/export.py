"""The events of a list as CSV or JSON lines, part by part.

    part 1 ──▶ 1,000 events ──▶ text ──▶ part 2 ...          the browser joins the parts to one file

No part is larger than `PART_BYTES`, so the memory is bounded however many events there are.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, Literal

from console.events.safe_text import plain, visible
from console.finding.lists import Hit
from contract.documents.paths import lookup_clear

Format = Literal["csv", "jsonl"]
PART_EVENTS = 1_000
PART_BYTES = 8 * 1024 * 1024
"""Largest response of Elasticsearch for one part."""
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""First characters that make a spreadsheet take a text for a formula, in normal and full width."""


def text_of(hits: Sequence[Hit], fields: Sequence[str], format: Format, *, head: bool) -> str:  # noqa: A002
    """Return events as lines of text.

    Args:
        hits: the events.
        fields: document fields, in the order of the columns.
        format: `csv` or `jsonl`.
        head: begin with the line of column names, if the format has one.
    """
    if format == "jsonl":
        return "".join(f"{json.dumps(_record(hit, fields), default=str)}\n" for hit in hits)
    found = io.StringIO(newline="")
    writer = csv.writer(found, lineterminator="\r\n")
    if head:
        writer.writerow(["_index", "_id", *fields])
    writer.writerows([safe(value) for value in _record(hit, fields).values()] for hit in hits)
    return found.getvalue()


def _record(hit: Hit, fields: Sequence[str]) -> dict[str, Any]:
    source = hit.get("_source") or {}
    return {"_index": hit["_index"], "_id": hit["_id"]} | {name: lookup_clear(source, name) for name in fields}


def safe(value: Any) -> str:
    """Return a value as a cell that a spreadsheet shows as it is. A text that looks like a formula gets a `'`."""
    if isinstance(value, int | float):
        return plain(value)
    if isinstance(value, list):
        value = "; ".join(one if isinstance(one, str) else plain(one) for one in value)
    text = value if isinstance(value, str) else plain(value)
    return f"'{visible(text)}" if text.startswith(FORMULA) else visible(text)
