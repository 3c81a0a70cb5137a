"""A console that takes verdicts, and a person who talks to its routes as the page does."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from console.verdicts.people import add_person
from tests.integration.console.installations import Console, Installation
from tests.waiting import WAIT_S, until


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    data: Any
    headers: dict[str, str]


@dataclass
class Person:
    """Someone who may have signed in."""

    url: str
    token: str
    cookie: str = ""
    csrf: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    """Replace the usual ones of a POST; None leaves one out."""

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str | None) -> Answer:
        """One request with exactly these headers."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=WAIT_S)
        try:
            connection.request(
                method, path, body, {name: value for name, value in headers.items() if value is not None}
            )
            answer = connection.getresponse()
            text = answer.read()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, json.loads(text) if text else None, found)
        finally:
            connection.close()

    def sign_in(self) -> Person:
        answer = self.ask("GET", "/api/login", Authorization=f"Bearer {self.token}")
        assert answer.status == 200, answer.data
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        self.csrf = self.get("/api/session").data["csrf"]
        return self

    def get(self, path: str) -> Answer:
        return self.ask("GET", path, Cookie=self.cookie)

    def post(self, path: str, body: Any, **changed: str | None) -> Answer:
        usual: dict[str, str | None] = {
            "Cookie": self.cookie,
            "Origin": self.url,
            "Content-Type": "application/json",
            "X-Oversight-CSRF": self.csrf,
        }
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        changes = {name.replace("_", "-"): value for name, value in changed.items()}
        return self.ask("POST", path, raw, **{**usual, **changes})

    def shown(self, index: str, doc_id: str) -> dict[str, str]:
        """An event as the page shows it."""
        details = self.get(f"/api/event?index={quote(index)}&id={quote(doc_id)}").data
        return {"index": details["index"], "id": details["id"], "seen": details["seen"]}

    def judge(self, verdict: str | None, **more: Any) -> Answer:
        return self.post("/api/verdicts", {"request": secrets.token_hex(16), "verdict": verdict, **more})

    def point(self, page: str = "events", **query: str) -> Answer:
        chosen = {"page": page, "query": urlencode({"from": "now-2d", **query})}
        return self.post("/api/verdicts/point", chosen)

    def ended(self, state: dict[str, Any]) -> dict[str, Any]:
        """The state of a write when it has ended."""
        found = [state]

        def has_ended() -> bool:
            found[0] = found[0] if found[0]["ended"] else self.get(f"/api/verdicts/{state['job']}").data
            return bool(found[0]["ended"])

        assert until(has_ended)
        return found[0]


@dataclass(frozen=True)
class Desk:
    """A console that takes verdicts."""

    console: Console
    tokens: dict[str, str]

    def person(self, name: str) -> Person:
        """Someone who has just signed in."""
        return Person(self.console.url, self.tokens[name]).sign_in()

    def lines(self, action: str) -> list[dict[str, Any]]:
        """The lines of the log with this action."""
        lines = map(json.loads, filter(lambda line: line.startswith("{"), self.console.log.read_text().splitlines()))
        return [line for line in lines if line.get("event", {}).get("action") == action]


@contextlib.contextmanager
def desk(filled: Installation, folder: Path, **settings: str) -> Iterator[Desk]:
    """A console of an installation in which ann and bob may judge."""
    path = folder / "people"
    tokens = {name: add_person(path, name, setting="x") for name in ("ann", "bob")}
    more = {"OVERSIGHT_CONSOLE_VERDICTS": "true", "OVERSIGHT_CONSOLE_PEOPLE_FILE": str(path), **settings}
    with filled.console(folder, **more) as found:
        yield Desk(found, tokens)
