"""What is said about a file after its events."""

from __future__ import annotations

import pytest

from es_pipelines.ship.report import EventOutcome, FileReport, note


@pytest.mark.parametrize(
    ("outcomes", "empty", "read", "said"),
    [
        ([], True, 0, "empty: no events"),
        ([EventOutcome.STORED], True, 12, ""),
        ([EventOutcome.STORED], False, 12, ""),
        ([EventOutcome.REFUSED], False, 12, ""),
        ([EventOutcome.HEADER], False, 12, "a header line only: no events"),
        ([EventOutcome.BLANK], False, 12, "blank lines only: no events"),
        ([EventOutcome.ALREADY_THERE, EventOutcome.HEADER], False, 12, "nothing new"),
    ],
)
def test_the_note_says_why_nothing_is_new(outcomes: list[EventOutcome], empty: bool, read: int, said: str) -> None:
    """A file that was cut since it was read is empty and yet had lines."""
    report = FileReport("/a.csv", bytes=read)
    report.count(outcomes)
    assert note(report, empty=empty) == said


def test_remarks_are_said_once_each_and_before_the_rest() -> None:
    assert note(FileReport("/a.csv"), empty=True, remarks=["moved", "moved"]) == "moved; empty: no events"
