"""The report about a file after its events."""

from __future__ import annotations

from typing import Any

import pytest

from es_pipelines.ship.report import FileReport, note


@pytest.mark.parametrize(
    ("counts", "empty", "read", "said"),
    [
        ({}, True, 0, "empty: no events"),
        ({"stored": 1}, True, 12, ""),
        ({"stored": 1}, False, 12, ""),
        ({"refused": 1}, False, 12, ""),
        ({"headers": 1}, False, 12, "a header line only: no events"),
        ({"blank": 1}, False, 12, "blank lines only: no events"),
        ({"already_there": 1, "headers": 1}, False, 12, "nothing new"),
    ],
)
def test_the_note_says_why_nothing_is_new(counts: dict[str, Any], empty: bool, read: int, said: str) -> None:
    """A file that was truncated after it was read is empty and still had lines."""
    assert note(FileReport("/a.csv", bytes=read, **counts), empty=empty) == said


def test_each_remark_is_printed_once_and_first() -> None:
    assert note(FileReport("/a.csv"), empty=True, remarks=["moved", "moved"]) == "moved; empty: no events"
