"""Each request is one log line with its ids; a client's headers can break neither."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as st

from enrich_service.http import access
from enrich_service.http.access import LineFormatter, OfRequest, page_ended, sane_id, traceparent
from enrich_service.http.metrics import Metrics

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


def app(*, log_requests: bool = True) -> Flask:
    """A route that logs a line, and one that fails with a client error."""
    one = Flask("one")
    access.install(one, Metrics(), log_requests=log_requests)

    @one.post("/page/<name>")
    def page(name: str) -> str:
        page_ended(3, 1)
        access.log.error("%s went wrong: %d", "something", len(request.get_data()))
        return name

    @one.get("/v2/health/live")
    def live() -> str:
        return "{}"

    return one


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The text that the access log writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter())
    handler.addFilter(OfRequest())
    access.log.addHandler(handler)
    access.log.setLevel(logging.INFO)
    yield stream
    access.log.removeHandler(handler)


def test_one_line_has_everything_except_secrets(lines: io.StringIO) -> None:
    """ECS fields; the route and not the path, no query string, no body, no token."""
    headers = {"X-Request-Id": "abc-1", "traceparent": PARENT, "Authorization": "Bearer hush"}
    answer = app().test_client().post("/page/hush?key=hush", data=b"hush", headers=headers)
    assert answer.headers["X-Request-Id"] == "abc-1"
    assert "hush" not in lines.getvalue()
    during, after = map(json.loads, lines.getvalue().splitlines())
    for one in (during, after):
        assert one["http"]["request"]["id"] == "abc-1"
        assert (one["trace"]["id"], one["span"]["id"]) == (TRACE, SPAN)
    assert after["message"].startswith("POST /page/<name> 200 in ")
    assert after["http"] == {
        "request": {"method": "POST", "body": {"bytes": 4}, "id": "abc-1"},
        "response": {"status_code": 200, "body": {"bytes": 4}},
    }
    assert after["url"] == {"path": "/page/<name>"}
    assert after["event"]["duration"] > 0
    assert after["event"]["outcome"] == "success"
    assert after["source"] == {"ip": "127.0.0.1"}
    assert after["enrich_service"] == {"batch": {"size": 3, "failed": 1}}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", after["@timestamp"])


def test_a_path_without_a_route_is_not_in_the_log(lines: io.StringIO) -> None:
    """A client could put any text of any length there."""
    answer = app().test_client().get("/hush/hush")
    assert answer.status_code == 404
    (one,) = map(json.loads, lines.getvalue().splitlines())
    assert one["url"] == {"path": "other"}
    assert one["event"]["outcome"] == "failure"


def test_a_length_beyond_64_bits_still_gives_a_line(lines: io.StringIO) -> None:
    """The client chooses the number, and Elasticsearch's `long` has 64 bits."""
    app().test_client().get("/v2/health/dead", environ_overrides={"CONTENT_LENGTH": "9" * 20})
    assert json.loads(lines.getvalue())["http"]["request"]["body"]["bytes"] == 2**63 - 1


def test_probes_that_succeed_leave_no_line(lines: io.StringIO) -> None:
    """An orchestrator sends a probe every few seconds."""
    assert app().test_client().get("/v2/health/live").status_code == 200
    assert lines.getvalue() == ""


def test_the_log_can_be_switched_off_and_ids_stay(lines: io.StringIO) -> None:
    """The id still identifies an error inside a request."""
    answer = app(log_requests=False).test_client().post("/page/a")
    (one,) = map(json.loads, lines.getvalue().splitlines())
    assert one["http"]["request"]["id"] == answer.headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])


@given(st.text())
def test_an_id_is_kept_only_if_it_is_safe_in_a_header_and_a_log(text: str) -> None:
    """Any other id is silently replaced by one of our ids."""
    taken = sane_id(text)
    assert taken is None or (taken == text and 0 < len(text) <= 128 and text.isascii() and text.isprintable())


@pytest.mark.parametrize("bad", ["", "a b", "a\tb", "ü", 'a"b', "<a>", "x" * 129, "a\n"])
def test_an_invalid_id_is_replaced(bad: str) -> None:
    """Blanks, quotes, other alphabets, too long."""
    assert sane_id(bad) is None


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "00",
        PARENT[:-1],
        PARENT.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"{PARENT}-more",
        f"00-{TRACE}-{SPAN}-xx",
    ],
)
def test_an_invalid_traceparent_is_ignored(bad: str) -> None:
    """As W3C Trace Context requires: continue as if there were no header."""
    assert traceparent(bad) == {}


def test_a_later_version_of_traceparent_is_read() -> None:
    """A later version may have more parts."""
    assert traceparent(f"01-{TRACE}-{SPAN}-01-more") == {"trace.id": TRACE, "span.id": SPAN}


def test_a_line_is_json_for_any_value_of_a_field() -> None:
    """Quotes and line ends are escaped: one record is one line."""
    record = logging.LogRecord("x", logging.INFO, "x", 1, "say %s", ('"a"\nb',), None)
    record.__dict__["url.path"] = 'a"\n'
    text = LineFormatter().format(record)
    assert "\n" not in text
    assert json.loads(text)["url"]["path"] == 'a"\n'
    assert json.loads(text)["message"] == 'say "a"\nb'
