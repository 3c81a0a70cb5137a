"""What is said about a file after its events."""

from __future__ import annotations

import pytest

from es_pipelines.ship_report import FileReport, Outcome, note


@pytest.mark.parametrize(
    ("outcomes", "size", "read", "said"),
    [
        ([], 0, 0, "empty: no events"),
        ([Outcome.STORED], 0, 12, ""),
        ([Outcome.STORED], 12, 12, ""),
        ([Outcome.REFUSED], 12, 12, ""),
        ([Outcome.HEADER], 12, 12, "a header line only: no events"),
        ([Outcome.ALREADY_THERE, Outcome.HEADER], 12, 12, "nothing new"),
    ],
)
def test_the_note_says_why_nothing_is_new(outcomes: list[Outcome], size: int, read: int, said: str) -> None:
    """A file of the kernel's, as in /proc, has no size and yet has lines."""
    report = FileReport("/a.csv", bytes=read)
    report.count(outcomes)
    assert note(report, size) == said


def test_remarks_are_said_once_each_and_before_the_rest() -> None:
    assert note(FileReport("/a.csv"), 0, ["moved", "moved"]) == "moved; empty: no events"
