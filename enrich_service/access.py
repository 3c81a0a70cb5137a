"""What is known of a request beside its answer: who it is, how long it took, and the line and the counters it leaves.

before: X-Request-Id, traceparent ──▶ g ──▶ every log line of this request (http.request.id, trace.id, span.id)
after:  route, status, time, sizes ─┬─▶ one line of the access log (ECS), never a body, a token or a query string
                                    ├─▶ metrics
                                    └─▶ X-Request-Id of the answer
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TextIO

import orjson
from flask import Flask, Response, g, has_request_context, request

from enrich_service.config import PROBE_PATHS

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


def install(app: Flask, *, counts: Counts | None = None, log_requests: bool = True) -> None:
    """Follow every request of an application; to be called before anything else is asked of a request."""

    def began() -> None:
        g.began_ns = time.monotonic_ns()
        g.request_id = sane_id(request.headers.get(REQUEST_ID)) or secrets.token_hex(16)
        g.trace = traceparent(request.headers.get("traceparent", ""))
        if counts is not None:
            counts.request_began()

    def ended(response: Response) -> Response:
        duration_ns = time.monotonic_ns() - g.began_ns
        route = request.url_rule.rule if request.url_rule is not None else NO_ROUTE
        response.headers[REQUEST_ID] = g.request_id
        if counts is not None:
            counts.request_ended(route, response.status_code, duration_ns / 1e9, g.get("error_type"))
        if log_requests and (response.status_code != 200 or route not in PROBE_PATHS):
            _say(route, response, duration_ns)
        return response

    app.before_request(began)
    app.after_request(ended)


def _say(route: str, response: Response, duration_ns: int) -> None:
    status = response.status_code
    facts: dict[str, Any] = {
        "event.action": "request",
        "event.outcome": "success" if status < 400 else "failure",
        "event.duration": duration_ns,
        "http.request.method": request.method[:20],
        "http.request.body.bytes": min(request.content_length or 0, LONG_MAX),  # as the client claims
        "http.response.status_code": status,
        "http.response.body.bytes": response.content_length or 0,
        "url.path": route,
        "source.ip": request.remote_addr,
    } | {
        name: value
        for name, value in (
            ("error.type", g.get("error_type")),
            ("enrich_service.batch.size", g.get("batch_size")),
            ("enrich_service.batch.failed", g.get("batch_failed")),
        )
        if value is not None
    }
    log.info("%s %s %d in %.1f ms", request.method[:20], route, status, duration_ns / 1e6, extra=facts)


def page_ended(size: int, failed: int) -> None:
    """Note what the line of this request says of its documents."""
    g.batch_size, g.batch_failed = size, failed


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
        if has_request_context() and "request_id" in g:
            record.__dict__ |= {"http.request.id": g.request_id, **g.trace}
        return True


class Lines(logging.Handler):
    """Access lines as ECS JSON, in a fifth of the general formatter's time: there is one for every request."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line in one piece: several threads and processes share the stream."""
        try:
            self._stream.write(line(record))
            self._stream.flush()
        except (OSError, ValueError, TypeError):  # what logging itself does with a stream that is gone
            self.handleError(record)


def line(record: logging.LogRecord) -> str:
    """One line of ECS JSON with the record's dotted fields."""
    stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    dotted: Mapping[str, Any] = {name: value for name, value in record.__dict__.items() if "." in name}
    nested: dict[str, Any] = {}
    for name, value in dotted.items():
        *parents, last = name.split(".")
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    head = {"@timestamp": stamp, "log.level": record.levelname.lower(), "message": record.getMessage()}
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
