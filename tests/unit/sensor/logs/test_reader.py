"""What the reader of logs remembers stays bounded."""

from __future__ import annotations

import json

import pytest

from sensor.logs import reader
from sensor.logs.reader import DUPLICATE, MAX_REASONS, OTHER_REASONS, LogReader


def event(kind: str) -> bytes:
    return json.dumps({"event_type": kind}).encode()


def connection(number: int) -> bytes:
    ends = {"id.orig_h": "10.0.0.1", "id.orig_p": 1, "id.resp_h": "10.0.0.2", "id.resp_p": 53, "proto": "udp"}
    return json.dumps({"ts": 1.0, "uid": f"C{number}", **ends}).encode()


def test_reasons_are_counted_up_to_a_number_of_different_ones() -> None:
    """A damaged file could give a new one on every line."""
    found = LogReader("suricata")
    found.flows("eve", "eve.json", 1, [event(f"kind{number}") for number in range(MAX_REASONS + 7)])
    found.flows("eve", "eve.json", 1, [event("kind1")])
    assert len(found.skipped.reasons) == MAX_REASONS + 1
    assert found.skipped.reasons[OTHER_REASONS] == 7
    assert found.skipped.reasons["the event_type is 'kind1', not 'flow'"] == 2
    assert found.skipped.wrong == 0


def test_a_duplicate_is_found_among_the_newest_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in another file, such as a copy."""
    monkeypatch.setattr(reader, "REMEMBERED_LINES", 3)
    found = LogReader("zeek")
    lines = [connection(number) for number in (1, 2, 3, 1, 4, 1)]
    assert [flow.uid for flow in found.flows("a", "a.log", 1, lines)] == ["C1", "C2", "C3", "C4", "C1"]
    assert found.flows("b", "b.log", 1, [connection(4)]) == []
    assert found.skipped.reasons == {DUPLICATE: 2}


def test_a_header_holds_for_its_own_file_only(caplog: pytest.LogCaptureFixture) -> None:
    found = LogReader("zeek")
    header = b"#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration"
    line = b"1.5\tC1\t10.0.0.1\t1\t10.0.0.2\t53\tudp\t-"
    assert len(found.flows("a", "a.log", 1, [header])) == 0
    assert len(found.flows("a", "a.log", 2, [line])) == 1
    assert found.flows("b", "b.log", 1, [line]) == []
    assert "b.log, line 1: no line with #fields came before it" in caplog.text
    found.forget("a")
    assert found.flows("a", "a.log", 3, [line]) == []
    assert found.skipped.wrong == 2
