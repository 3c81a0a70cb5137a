"""Who may write verdicts through the console, and what a request must look like. No Elasticsearch is needed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.console.desk import Desk, desk
from tests.integration.console.installations import Installation

EVENT = {"index": "logs", "id": "1", "seen": "0" * 32}


@pytest.fixture(scope="module")
def open_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    nowhere = Installation("http://127.0.0.1:9", "desk", None, datetime.now(UTC), ())
    with desk(nowhere, tmp_path_factory.mktemp("desk")) as found:
        yield found


REFUSED: dict[str, tuple[dict[str, str | None], int, str]] = {
    "no cookie": ({"Cookie": None}, 401, "unauthorized"),
    "a made-up cookie": ({"Cookie": "oversight-console=ann.0011223344556677.9999999999.0000"}, 401, "unauthorized"),
    "the token in place of the cookie": ({"Cookie": None, "Authorization": "TOKEN"}, 401, "not_signed_in"),
    "no CSRF token": ({"X_Oversight_CSRF": None}, 403, "wrong_csrf_token"),
    "a wrong CSRF token": ({"X_Oversight_CSRF": "ü"}, 403, "wrong_csrf_token"),
    "the CSRF token of another session": ({"X_Oversight_CSRF": "OTHER"}, 403, "wrong_csrf_token"),
    "no origin": ({"Origin": None}, 403, "no_origin"),
    "the origin null": ({"Origin": "null"}, 403, "wrong_origin"),
    "another site": ({"Origin": "http://evil.example"}, 403, "wrong_origin"),
    "another host": ({"Host": "evil.example"}, 421, "wrong_host"),
    "a form": ({"Content_Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
    "plain text": ({"Content_Type": "text/plain"}, 415, "unsupported_media_type"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_write_is_refused(open_desk: Desk, what: str) -> None:
    """From another site, without a person's session, or without the token of the session."""
    ann = open_desk.person("ann")
    changed, status, code = REFUSED[what]
    stand_ins = {"TOKEN": f"Bearer {ann.token}", "OTHER": open_desk.person("ann").csrf}
    body = {"request": "0" * 32, "verdict": "true_positive", "events": [EVENT]}
    sent = {name: stand_ins.get(str(value), value) for name, value in changed.items()}
    answer = ann.post("/api/verdicts", body, **sent)
    assert (answer.status, answer.data["error"]["type"]) == (status, code)
    assert open_desk.lines("verdict") == []


BAD_BODIES: dict[str, Any] = {
    "no JSON": b"{",
    "a list": [],
    "null": None,
    "not UTF-8": b'{"request": "\xff"}',
    "deep": b"[" * 100_000,
    "an unknown field": {"by": "bob", "events": [EVENT]},
    "a number as verdict": {"verdict": 1, "events": [EVENT]},
    "an unknown verdict": {"verdict": "maybe", "events": [EVENT]},
    "an object as label": {"label": {"$ne": 1}, "events": [EVENT]},
    "a list as comment": {"comment": ["x"], "events": [EVENT]},
    "text as events": {"events": "all"},
    "an object as id": {"events": [{**EVENT, "id": {"x": 1}}]},
    "no fingerprint": {"events": [{"index": "logs", "id": "1"}]},
    "a short request id": {"request": "1", "events": [EVENT]},
    "no events": {"events": []},
    "neither": {},
    "both": {"events": [EVENT], "point": "x"},
    "too many events": {"events": [EVENT] * 1_001},
    "a label of no model": {"label": "no-such-label", "events": [EVENT]},
    "a harmless true positive": {"label": "normal", "events": [EVENT]},
    "a long comment": {"comment": "x" * 1_001, "events": [EVENT]},
    "a removal with a label": {"verdict": None, "label": "normal", "events": [EVENT]},
}


@pytest.mark.parametrize("what", BAD_BODIES)
def test_a_bad_body_is_refused(open_desk: Desk, what: str) -> None:
    body = BAD_BODIES[what]
    if isinstance(body, dict):
        body = {"request": secrets.token_hex(16), "verdict": "true_positive", **body}
    answer = open_desk.person("ann").post("/api/verdicts", body)
    assert answer.status == 400, answer.data
    assert "Traceback" not in json.dumps(answer.data)


def test_a_huge_body_is_refused_unread(open_desk: Desk) -> None:
    ann = open_desk.person("ann")
    answer = ann.post("/api/verdicts", b"x" * (2 * 1024 * 1024))
    assert (answer.status, answer.data["error"]["type"]) == (413, "too_large")


def test_reading_needs_a_sign_in_too_and_signing_out_ends_it(open_desk: Desk) -> None:
    ann = open_desk.person("ann")
    assert ann.get("/api/session").data["person"] == "ann"
    assert ann.ask("GET", "/api/pages/events").status == 401
    assert ann.ask("GET", "/api/session", Authorization="Bearer " + "x" * 20).status in (401, 429)
    assert ann.post("/api/logout", {}).data == {"signed_in": False}
    assert ann.get("/api/session").status == 401
    assert ann.post("/api/logout", {}).status == 401


def test_the_cookie_is_for_this_site_and_not_for_scripts(open_desk: Desk) -> None:
    """A cookie that an attacker plants is never adopted: each sign-in makes a new one."""
    ann = open_desk.person("ann")
    planted = ann.cookie
    answer = ann.ask("GET", "/api/login", Authorization=f"Bearer {ann.token}", Cookie=planted)
    made = answer.headers["set-cookie"]
    assert made.partition(";")[0] != planted
    assert "HttpOnly" in made
    assert "SameSite=Strict" in made


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_a_method_cannot_be_overridden(open_desk: Desk, header: str) -> None:
    ann = open_desk.person("ann")
    assert ann.ask("GET", "/api/logout", None, Cookie=ann.cookie, **{header: "POST"}).status == 405
    assert ann.ask("PUT", "/api/verdicts", b"{}", Cookie=ann.cookie, **{header: "POST"}).status == 405
    assert ann.get("/api/session").status == 200


def test_only_a_few_paths_take_a_post(open_desk: Desk) -> None:
    ann = open_desk.person("ann")
    for path in ("/", "/api/pages/events", "/api/event", "/api/login", "/api/session", "/static/x/y"):
        assert ann.post(path, {}).status == 405
    assert ann.post("/api/verdicts/../login", {}).status == 404
