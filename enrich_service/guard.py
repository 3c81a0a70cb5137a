"""What stands before every route: room for the request, a token, and the counters that are told of it.

request ──▶ ids (access) ──▶ plain page? (direct) ──▶ room? 503 ──▶ token? 401 ──▶ route
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, Response, request

from enrich_service.admission import admission
from enrich_service.config import HEALTH_PATHS, METRICS_PATH, AppConfig
from enrich_service.metrics import CONTENT_TYPE, Metrics
from enrich_service.tokens import Tokens
from enrich_service.wire import RequestError

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


def install(app: Flask, config: AppConfig, metrics: Metrics, tokens: Tokens) -> None:
    """Guard the routes of an application, and give it `GET /metrics`."""
    # an orchestrator's probes have no token
    free = HEALTH_PATHS | ({METRICS_PATH} if config.open_metrics else set())
    admission.on_change = metrics.waiting.set

    def room() -> None:
        if admission.refusal is not None:
            raise RequestError(503, "overloaded", admission.refusal)

    def authorize() -> None:
        if tokens.required and request.path not in free and not tokens.allow(bearer(request.environ)):
            raise RequestError(
                401,
                "unauthorized",
                "no or a wrong bearer token; send `Authorization: Bearer ...` with OVERSIGHT_ENRICH_TOKEN",
            )

    app.before_request(room)
    app.before_request(authorize)
    app.add_url_rule(METRICS_PATH, "metrics", lambda: Response(metrics.exposition(), content_type=CONTENT_TYPE))


def bearer(environ: WSGIEnvironment) -> bytes:
    """The bearer token of a request, nothing where it has none."""
    scheme, _, given = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    # WSGI hands headers over as Latin-1; this gives back the bytes that were sent
    return given.strip().encode("latin-1", "replace") if scheme.lower() == "bearer" else b""
