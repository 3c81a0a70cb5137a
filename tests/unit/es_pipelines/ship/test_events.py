"""The document and the id of a line."""

from __future__ import annotations

import base64
import dataclasses
import hashlib

import orjson
import pytest

from contract.artifact.contract import EventWords
from es_pipelines.reading.lines import Line
from es_pipelines.ship.events import Identity, event_of, failed_documents

ALPHA = Identity(observer="alpha", user="alice", name="alpha.csv", path="/logs/alpha.csv", generation=2, host="north")
LINE = Line(17, b"0,tcp", 23)


def test_a_line_is_sent_raw_with_its_source_and_position() -> None:
    """The ingest pipeline parses it."""
    assert orjson.loads(event_of(ALPHA, LINE).source) == {
        "message": "0,tcp",
        "user": {"id": "alice"},
        "observer": {"name": "alpha"},
        "log": {"file": {"path": "/logs/alpha.csv"}, "offset": 17},
        "host": {"name": "north"},
    }


def test_the_id_is_the_sha256_of_observer_name_generation_offset_and_line() -> None:
    """It must never change: with another id, files that were shipped before would be stored twice."""
    expected = hashlib.sha256(hashlib_input()).hexdigest()
    assert event_of(ALPHA, LINE).id == expected


def hashlib_input() -> bytes:
    return b'["alpha","alpha.csv",2]17:0,tcp'


def test_user_and_path_do_not_change_the_id() -> None:
    """A renamed file keeps its ids."""
    moved = Identity(observer="alpha", user="bob", name="alpha.csv", path="/logs/alpha.csv.1", generation=2)
    assert event_of(moved, LINE).id == event_of(ALPHA, LINE).id


def test_our_id_differs_for_each_machine_and_each_first_path() -> None:
    """A renamed file keeps it, and another file with its name has a different one."""
    other_machine = dataclasses.replace(ALPHA, host="south")
    other_path = dataclasses.replace(ALPHA, path="/elsewhere/alpha.csv")
    moved = dataclasses.replace(ALPHA, path="/logs/alpha.csv.1", earlier=("/logs/alpha.csv",))
    ids = [one.own_id_of(LINE) for one in (ALPHA, other_machine, other_path)]
    assert len({ALPHA.id_of(LINE), *ids}) == 4
    assert moved.own_id_of(LINE) == ids[0]


@pytest.mark.parametrize(
    ("path", "host", "ours"),
    [
        ("/logs/alpha.csv", "north", True),
        ("/logs/alpha.csv", None, True),
        (None, None, True),
        ("/logs/alpha.csv", "south", False),
        ("/other/alpha.csv", "north", False),
        ("/other/alpha.csv", None, False),
    ],
)
def test_a_stored_event_is_ours_by_path_and_machine(path: str | None, host: str | None, ours: bool) -> None:
    """A missing value in a document proves nothing."""
    assert ALPHA.is_of(path, host) is ours


def test_bytes_that_are_not_utf8_are_sent_escaped_and_raw() -> None:
    line = Line(0, b"\xffcaf\xe9 \xc3\xa9", 9)
    document = orjson.loads(event_of(ALPHA, line).source)
    assert document["message"] == "\\xffcaf\\xe9 é"
    assert base64.b64decode(document["oversight"]["original"]["base64"]) == line.content


def test_each_further_document_of_a_refused_event_has_fewer_fields() -> None:
    """All have the line, the reason and the status; none has the field `message`."""
    documents = [orjson.loads(one) for one in failed_documents(ALPHA, LINE, reason="no", now="2026-01-01T00:00:00Z")]
    assert [len(one) for one in documents] == sorted((len(one) for one in documents), reverse=True)
    for one in documents:
        assert one["event"]["original"] == "0,tcp"
        assert one["event"]["kind"] == "pipeline_error"
        assert one["oversight"]["status"] == "failed"
        assert one["error"] == {"type": "refused_by_elasticsearch", "message": "Elasticsearch refused the event: no"}
    assert documents[-1].keys() == {"@timestamp", "event", "error", "oversight"}


def test_a_refused_event_has_dataset_and_words_of_its_model() -> None:
    words = EventWords(("host",), ("info",))
    of_river = failed_documents(ALPHA, LINE, reason="no", now="2026-01-01T00:00:00Z", dataset="river", words=words)
    event = orjson.loads(next(of_river))["event"]
    assert (event["dataset"], event["category"], event["type"]) == ("oversight.river", ["host"], ["info"])
    event = orjson.loads(next(failed_documents(ALPHA, LINE, reason="no", now="2026-01-01T00:00:00Z")))["event"]
    assert (event["dataset"], event["category"]) == ("oversight.connection", ["network"])
