"""What is known of a request beside its answer: who it is, how long it took, and the line and the counters it leaves.

before: X-Request-Id, traceparent ──▶ Followed ──▶ every log line of this request (http.request.id, trace.id, span.id)
after:  route, status, time, sizes ─┬─▶ one line of the access log (ECS), never a body, a token or a query string
                                    ├─▶ metrics
                                    └─▶ X-Request-Id of the answer
"""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import orjson
from flask import Flask, Response, g, request

from enrich_service.http.paths import PROBE_PATHS

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

SERVICE = "oversight-enrich"
ECS_VERSION = "1.6.0"
"""As ecs-logging writes it beside the other lines."""
LONG_MAX = 2**63 - 1
"""Of Elasticsearch's `long`; a Content-Length may claim more."""
NO_ROUTE = "other"
"""The route of a path that is none: a client's own invention is neither a label nor worth a place in the log."""
REQUEST_ID = "X-Request-Id"

_SANE = re.compile(r"[A-Za-z0-9._:/+=@~-]{1,128}", re.ASCII)
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?", re.ASCII)


class Counts(Protocol):
    """Who counts requests."""

    def request_began(self) -> None:
        """One more in hand."""

    def request_ended(self, route: str, status: int, duration_s: float, error_type: str | None) -> None:
        """One answered."""


@dataclass(slots=True)
class Followed:
    """A request in hand."""

    began_ns: int
    id: str
    trace: Mapping[str, str]
    size: int | None = None
    """Documents of its page."""
    failed: int | None = None
    """Those that got an error."""


_current: ContextVar[Followed | None] = ContextVar("request", default=None)


class Access:
    """Follows every request of an application."""

    def __init__(self, *, counts: Counts | None = None, log_requests: bool = True) -> None:
        self._counts, self._log_requests = counts, log_requests

    def install(self, app: Flask) -> None:
        """Follow what `app.wsgi_app` answers; what is put around that later is not followed."""
        inner = app.wsgi_app

        def follow(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            token = _current.set(self._began(environ))
            try:
                return inner(environ, start_response)
            finally:
                _current.reset(token)

        app.wsgi_app = follow  # type: ignore[method-assign]  # as Flask's documentation says
        app.after_request(self._ended_in_flask)

    def _began(self, environ: WSGIEnvironment) -> Followed:
        began_ns = time.monotonic_ns()
        if self._counts is not None:
            self._counts.request_began()
        name = sane_id(environ.get("HTTP_X_REQUEST_ID")) or secrets.token_hex(16)
        return Followed(began_ns, name, traceparent(environ.get("HTTP_TRACEPARENT", "")))

    def ended(self, environ: WSGIEnvironment, route: str, status: int, size_bytes: int, error_type: str | None) -> str:
        """Count and log a request that has its answer; gives its id, for `X-Request-Id`."""
        followed = followed_now()
        duration_ns = time.monotonic_ns() - followed.began_ns
        if self._counts is not None:
            self._counts.request_ended(route, status, duration_ns / 1e9, error_type)
        if self._log_requests and (status != 200 or route not in PROBE_PATHS) and log.isEnabledFor(logging.INFO):
            of_answer = {
                "event.outcome": "success" if status < 400 else "failure",
                "event.duration": duration_ns,
                "http.response.status_code": status,
                "http.response.body.bytes": size_bytes,
                "url.path": route,
            }
            rest = {
                "error.type": error_type,
                "enrich_service.batch.size": followed.size,
                "enrich_service.batch.failed": followed.failed,
            }
            asked = _asked(environ)
            _say(
                f"{asked['http.request.method']} {route} {status} in {duration_ns / 1e6:.1f} ms",
                asked | of_answer | {name: value for name, value in rest.items() if value is not None},
            )
        return followed.id

    def _ended_in_flask(self, response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule is not None else NO_ROUTE
        size_bytes = response.content_length or 0
        response.headers[REQUEST_ID] = self.ended(
            request.environ, route, response.status_code, size_bytes, g.get("error_type")
        )
        return response


def followed_now() -> Followed:
    """The request that this thread works on.

    Raises:
        RuntimeError: none is followed.
    """
    found = _current.get()
    if found is None:
        raise RuntimeError("no request is followed here; install Access around the application")
    return found


def page_ended(size: int, failed: int) -> None:
    """Note what the line of this request says of its documents."""
    followed = followed_now()
    followed.size, followed.failed = size, failed


def _asked(environ: WSGIEnvironment) -> dict[str, Any]:
    claimed = str(environ.get("CONTENT_LENGTH") or "0")
    return {
        "event.action": "request",
        "http.request.method": str(environ.get("REQUEST_METHOD"))[:20],
        "http.request.body.bytes": min(int(claimed), LONG_MAX) if claimed.isdecimal() and len(claimed) < 100 else 0,
        "source.ip": environ.get("REMOTE_ADDR"),
    }


def _say(message: str, facts: dict[str, Any]) -> None:
    """Write a line where `Lines` does that, without what logging makes of a call; else log it as any."""
    lines = [handler for handler in log.handlers if isinstance(handler, Lines)]
    for handler in lines:
        handler.say(message, facts)
    if not lines:
        log.info("%s", message, extra=facts)


def sane_id(value: str | None) -> str | None:
    """A client's request id, if it is 1 to 128 letters, digits and `._:/+=@~-`: it goes into logs and a header."""
    return value if value is not None and _SANE.fullmatch(value) else None


def traceparent(value: str) -> dict[str, str]:
    """`trace.id` and `span.id` (the caller's) of a W3C traceparent; nothing where it is not valid."""
    found = _TRACEPARENT.fullmatch(value.strip())
    if found is None:
        return {}
    version, trace, span, more = found.groups()
    if version == "ff" or (version == "00" and more) or not trace.strip("0") or not span.strip("0"):
        return {}
    return {"trace.id": trace, "span.id": span}


class OfRequest(logging.Filter):
    """Gives every line that is logged while a request is in hand its ids."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a line."""
        record.__dict__ |= _ids()
        return True


def _ids() -> dict[str, str]:
    followed = _current.get()
    return {} if followed is None else {"http.request.id": followed.id, **followed.trace}


class Lines(logging.Handler):
    """Access lines as ECS JSON, in a fifth of the general formatter's time: there is one for every request."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line in one piece: several threads and processes share the stream."""
        try:
            self._write(line(record))
        except (OSError, ValueError, TypeError):  # what logging itself does with a stream that is gone
            self.handleError(record)

    def say(self, message: str, facts: Mapping[str, Any]) -> None:
        """Write a line of the request in hand, with its dotted fields."""
        try:
            self._write(_line(time.time(), "info", message, {**facts, **_ids()}))
        except (OSError, ValueError, TypeError):
            self.handleError(logging.LogRecord(log.name, logging.INFO, __file__, 0, message, None, None))

    def _write(self, text: str) -> None:
        with self.lock or contextlib.nullcontext():
            self._stream.write(text)
            self._stream.flush()


def line(record: logging.LogRecord) -> str:
    """One line of ECS JSON with the record's dotted fields."""
    dotted = {name: value for name, value in record.__dict__.items() if "." in name}
    return _line(record.created, record.levelname.lower(), record.getMessage(), dotted)


def _line(created_s: float, level: str, message: str, dotted: Mapping[str, Any]) -> str:
    stamp = datetime.fromtimestamp(created_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    nested: dict[str, Any] = {}
    for name, value in dotted.items():
        *parents, last = name.split(".")
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    head = {"@timestamp": stamp, "log.level": level, "message": message}
    data = {**head, "ecs.version": ECS_VERSION, "service": {"name": SERVICE}, **nested}
    return orjson.dumps(data).decode() + "\n"


def to_handlers_of(name: str) -> None:
    """Put the ids of a request into the lines of a logger, and let access lines take the fast way where those are JSON.

    Called once a worker, after the process's own logging is set up.
    """
    for handler in logging.getLogger(name).handlers:
        handler.addFilter(OfRequest())
        if type(handler) is logging.StreamHandler:  # a terminal's handler is another class: people read it there
            lines = Lines(handler.stream)
            lines.addFilter(OfRequest())
            log.handlers[:] = [lines]
            log.propagate = False
