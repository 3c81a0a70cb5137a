"""Values that orjson refuses are still written to Elasticsearch and read from it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from oversight.client.fast_json import SERIALIZERS

JSON = SERIALIZERS["application/vnd.elasticsearch+json"]
LINES = SERIALIZERS["application/vnd.elasticsearch+x-ndjson"]


@pytest.mark.parametrize(
    "value", [{"a": [1, 2.5, None, True]}, {"ü": "\u20ac"}, {"half": "\ud800"}, {"large": 2**70}], ids=str
)
def test_a_value_is_read_back_unchanged(value: Any) -> None:
    assert JSON.loads(JSON.dumps(value)) == value


def test_lines_are_one_json_value_each_and_bytes_are_sent_unchanged() -> None:
    assert LINES.dumps([{"update": {"_id": "a"}}, b'{"doc":1}', {"half": "\ud800"}]).count(b"\n") == 3


def test_a_date_is_written_as_a_date() -> None:
    assert JSON.dumps({"at": datetime(2026, 1, 1, tzinfo=UTC)}) == b'{"at":"2026-01-01T00:00:00+00:00"}'


def test_a_body_that_is_no_json_is_an_error() -> None:
    with pytest.raises(Exception, match="Unable to deserialize"):
        JSON.loads(b"<html>")
