"""Flows of any source on their way through the buffer and the windows."""

from __future__ import annotations

from typing import Any

import pytest

from contract.kdd99.columns import COLUMNS
from sensor.flow import Flow
from sensor.stream import Sensed, Stream

COUNT = COLUMNS.index("count")


def flow(uid: str, started_s: float, **facts: Any) -> Flow:
    return Flow(
        **{
            "uid": uid,
            "started_s": started_s,
            "duration_s": 0.0,
            "protocol": "udp",
            "source": "10.0.0.1",
            "source_port": 5353,
            "destination": "10.0.0.2",
            "destination_port": 53,
            "state": "SF",
            "source_bytes": 40,
            "destination_bytes": 80,
            **facts,
        }
    )


FLOWS = (
    flow("C1", 100.0),
    flow("C3", 101.5, duration_s=2.0),
    flow("C2", 102.0),
    flow("C4", 300.0),
    flow("C0", 90.0),
    flow("C5", 300.5),
)


def counts(sensed: list[Sensed]) -> list[tuple[str, object]]:
    return [(item.flow.uid, item.columns[COUNT]) for item in sensed]


@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_the_same_flows_in_any_chunks_give_the_same_columns(size: int) -> None:
    """A flow enters the windows at its end: C2 before C3, which began earlier. C0 comes too late and is counted."""
    stream = Stream(65.0)
    sensed = [item for at in range(0, 6, size) for item in stream.feed(FLOWS[at : at + size])] + [*stream.close()]
    assert counts(sensed) == [("C1", 1), ("C2", 2), ("C3", 2), ("C0", 3), ("C4", 1), ("C5", 2)]
    assert (stream.late, stream.off, stream.early, stream.set_back) == (1, 0, 0, 0)


def test_a_live_source_that_falls_silent_gives_its_last_flows_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a newer flow the delay passes on the wall clock. A file has no such delay: its end gives the rest."""
    now_s = 0.0
    monkeypatch.setattr("sensor.stream.time.monotonic", lambda: now_s)
    live, file = Stream(65.0, is_live=True), Stream(65.0)
    assert [*live.feed(FLOWS[:1]), *file.feed(FLOWS[:1])] == []
    now_s = 64.0
    assert [*live.feed([])] == []
    now_s = 65.0
    assert counts([*live.feed([])]) == [("C1", 1)]
    assert [*file.feed([])] == []
    assert counts([*file.close()]) == [("C1", 1)]


def test_each_icmp_message_enters_the_windows_and_the_flow_has_the_columns_of_the_last() -> None:
    """A capture gives the messages first, and then the flow: one document, whose `count` says how many there were."""
    ping = {"protocol": "icmp", "source_port": 8, "destination_port": 0}
    messages = [flow(f"M{number}", 100.0 + number / 2, message_of="P1", **ping) for number in range(4)]
    whole = flow("P1", 100.0, duration_s=1.5, has_messages=True, **ping)
    stream = Stream(65.0)
    assert counts([*stream.feed([*messages, whole]), *stream.close()]) == [("P1", 4)]


def test_an_icmp_flow_is_explained_by_its_last_message_and_not_by_what_came_later() -> None:
    """The flow itself comes when its timer has run out, after other connections."""
    ping = {"protocol": "icmp", "source_port": 8, "destination_port": 0}
    messages = [flow(f"M{number}", 100.0 + number / 2, message_of="P1", **ping) for number in range(4)]
    whole = flow("P1", 100.0, duration_s=1.5, has_messages=True, **ping)
    stream = Stream(5.0, explained="P1")
    assert counts([*stream.feed([*messages, flow("C1", 161.0), whole])]) == [("P1", 4)]
    assert [item.uid for item in stream.explanation["recent_host"]] == ["M0", "M1", "M2", "M3"]
