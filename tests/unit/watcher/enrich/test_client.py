"""The parts of the client that need no server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from common.backoff import retry_after_s
from common.json_bytes import dump


@pytest.mark.parametrize("value", ["", "soon", "-3", "nan", "inf", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_an_invalid_retry_after_is_ignored(value: str) -> None:
    assert retry_after_s({"retry-after": value}) is None


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after_s({"retry-after": "2.5"}) == 2.5
    assert retry_after_s({}) is None
    seconds = retry_after_s({"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)})
    assert seconds is not None
    assert 50 < seconds <= 60


@pytest.mark.parametrize("value", ["half a pair: \ud800", 2**70, "ünï", 1.5])
def test_every_value_from_elasticsearch_can_be_sent(value: object) -> None:
    """The service gets values that the fast serializer refuses as they are in Elasticsearch."""
    assert json.loads(dump({"source": value})) == {"source": value}
