"""The counts above every page."""

from __future__ import annotations

from typing import Any

import pytest

from console.panels.header import header, is_alive
from console.panels.searches import problem_of

EVENTS = "logs-oversight.connection-lab"
NOW_MS = 1_795_600_000_000


def answers(
    by_status: dict[str, int], *, total: int, since_ms: int | None = None, beats: tuple[dict[str, Any], ...] = ()
) -> list[Any]:
    shards = {"total": 1, "failed": 0}
    return [
        {
            "_shards": shards,
            "hits": {"total": {"value": total}, "hits": []},
            "aggregations": {
                "status": {"buckets": [{"key": key, "doc_count": count} for key, count in by_status.items()]}
            },
        },
        {"hits": {"hits": [{"sort": [NOW_MS - 5]}]}},
        {"hits": {"hits": [] if since_ms is None else [{"sort": [since_ms]}]}},
        {"hits": {"hits": [{"_source": beat} for beat in beats]}},
    ]


def beat(**more: Any) -> dict[str, Any]:
    return {"@timestamp": str(NOW_MS - 12_000), "watcher": {"interval_s": 5.0, "state": "idle", **more}}


def test_counts_are_those_of_the_statuses() -> None:
    """Documents without a status are counted as other."""
    found = header(
        answers({"enriched": 5, "pending": 2}, total=9, since_ms=NOW_MS - 90_000, beats=(beat(),)),
        events=EVENTS,
        now_ms=NOW_MS,
    )
    assert (found["pending"], found["enriched"], found["failed"], found["other"]) == (2, 5, 0, 2)
    assert found["oldest_pending_s"] == 90.0
    assert found["newest"] == NOW_MS - 5
    assert found["watchers"] == 1


def test_watchers_of_another_dataset_are_not_counted() -> None:
    """They write their heartbeats into the same index."""
    beats = (beat(index=EVENTS), beat(index="logs-oversight.river-lab"), beat(index="other-*"))
    assert header(answers({}, total=0, beats=beats), events=EVENTS, now_ms=NOW_MS)["watchers"] == 2


def test_a_document_without_arrival_has_no_age() -> None:
    """It sorts as the largest integer."""
    assert (
        header(answers({"pending": 2}, total=2, since_ms=2**63 - 1), events=EVENTS, now_ms=NOW_MS)["oldest_pending_s"]
        is None
    )


def test_without_the_privilege_for_heartbeats_the_watchers_are_unknown() -> None:
    """Unknown is not zero."""
    found = answers({}, total=0)
    found[3] = {"error": {"type": "security_exception", "reason": "no"}, "status": 403}
    assert header(found, events=EVENTS, now_ms=NOW_MS)["watchers"] is None


@pytest.mark.parametrize(
    ("more", "alive"),
    [
        ({}, True),
        ({"interval_s": 1.0}, False),
        ({"state": "stopped"}, False),
        ({"interval_s": "x"}, True),
        ({"interval_s": None}, True),
    ],
)
def test_a_watcher_counts_as_running_for_some_intervals_after_its_heartbeat(more: dict[str, Any], alive: bool) -> None:
    assert is_alive(beat(**more), now_ms=NOW_MS) is alive
    assert not is_alive({"watcher": {}}, now_ms=NOW_MS)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            {"status": 400, "error": {"root_cause": [{"reason": "bad field\nstack"}]}},
            "refused this search (400): bad field",
        ),
        ({"status": 404, "error": "gone"}, "(404): gone"),
        ({"status": 500, "error": {}}, "no reason given"),
        ({"_shards": {"failed": 1, "total": 3}}, "1 of 3 shards"),
        ({"timed_out": True, "_shards": {"failed": 0}}, "too low"),
    ],
)
def test_an_error_of_one_search_is_one_line(answer: dict[str, Any], words: str) -> None:
    said = problem_of(answer) or ""
    assert words in said
    assert "\n" not in said
