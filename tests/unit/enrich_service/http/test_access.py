"""Each request leaves one line and carries its ids; what a client sends in headers cannot spoil either."""

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
    """A page that logs a line of its own, and one that fails for a client's fault."""
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
    """What the access log writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter())
    handler.addFilter(OfRequest())
    access.log.addHandler(handler)
    access.log.setLevel(logging.INFO)
    yield stream
    access.log.removeHandler(handler)


def test_one_line_says_all_but_what_is_secret(lines: io.StringIO) -> None:
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


def test_a_path_that_is_no_route_is_not_in_the_log(lines: io.StringIO) -> None:
    """A client could write what it likes there, and as much of it."""
    answer = app().test_client().get("/hush/hush")
    assert answer.status_code == 404
    (one,) = map(json.loads, lines.getvalue().splitlines())
    assert one["url"] == {"path": "other"}
    assert one["event"]["outcome"] == "failure"


def test_a_length_beyond_64_bits_still_gives_a_line(lines: io.StringIO) -> None:
    """It is what the client claims, and Elasticsearch's `long` ends there."""
    app().test_client().get("/v2/health/dead", environ_overrides={"CONTENT_LENGTH": "9" * 20})
    assert json.loads(lines.getvalue())["http"]["request"]["body"]["bytes"] == 2**63 - 1


def test_probes_that_succeed_leave_no_line(lines: io.StringIO) -> None:
    """An orchestrator asks every few seconds."""
    assert app().test_client().get("/v2/health/live").status_code == 200
    assert lines.getvalue() == ""


def test_the_log_can_be_switched_off_and_ids_stay(lines: io.StringIO) -> None:
    """An error inside a request can still be found by its id."""
    answer = app(log_requests=False).test_client().post("/page/a")
    (one,) = map(json.loads, lines.getvalue().splitlines())
    assert one["http"]["request"]["id"] == answer.headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])


@given(st.text())
def test_an_id_is_taken_over_only_if_it_fits_a_header_and_a_log(text: str) -> None:
    """Any other is replaced by one of ours, in silence."""
    taken = sane_id(text)
    assert taken is None or (taken == text and 0 < len(text) <= 128 and text.isascii() and text.isprintable())


@pytest.mark.parametrize("bad", ["", "a b", "a\tb", "ü", 'a"b', "<a>", "x" * 129, "a\n"])
def test_an_insane_id_is_replaced(bad: str) -> None:
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
def test_a_traceparent_that_is_none_is_ignored(bad: str) -> None:
    """As W3C Trace Context says: go on as if there were no header."""
    assert traceparent(bad) == {}


def test_a_later_version_of_traceparent_is_read() -> None:
    """More may follow then."""
    assert traceparent(f"01-{TRACE}-{SPAN}-01-more") == {"trace.id": TRACE, "span.id": SPAN}


def test_a_line_is_json_whatever_a_field_holds() -> None:
    """Quotes and line ends are escaped: one record is one line."""
    record = logging.LogRecord("x", logging.INFO, "x", 1, "say %s", ('"a"\nb',), None)
    record.__dict__["url.path"] = 'a"\n'
    text = LineFormatter().format(record)
    assert "\n" not in text
    assert json.loads(text)["url"]["path"] == 'a"\n'
    assert json.loads(text)["message"] == 'say "a"\nb'
