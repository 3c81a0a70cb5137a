"""What is looked at before every route: room for the request, who asks, and the counters that are told of it.

request ──▶ ids (access) ──▶ room? 503 ──▶ who asks? 400, 401, 403, 421, 429 ──▶ route
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, Response, request

from common.access.request_checks import Rejection, RequestChecks
from common.server.admission import NotAdmitted, admission
from enrich_service.http.metrics import CONTENT_TYPE, Metrics
from enrich_service.http.paths import HEALTH_PATHS, METRICS_PATH
from enrich_service.request_body import RequestError
from enrich_service.settings import ServeSettings

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from common.access.tokens import Tokens


class Guard:
    """Who may ask for what. Health is for everybody: an orchestrator's probes have neither a token nor a name of ours.

    Args:
        tokens: the tokens that hold.
        settings: the service's settings.
        local: only this machine reaches the service.
    """

    def __init__(self, tokens: Tokens, settings: ServeSettings, *, local: bool) -> None:
        self._checks = RequestChecks(tokens, settings, local=local)
        self._tokens = tokens
        self._open = frozenset({METRICS_PATH} if settings.open_metrics else ())

    def allows(self, environ: WSGIEnvironment, path: str) -> bool:
        """Whether a request is answered. Nothing is counted or said."""
        if path in HEALTH_PATHS:
            return True
        if self._checks.untrusted_proxy(environ) is not None:
            return False
        if self._asks_for_token(path):
            return self._checks.has_token(environ)
        return self._checks.other_site(environ) is None

    def rejection_of(self, environ: WSGIEnvironment, path: str) -> Rejection | None:
        """Why a request is not answered; None: it is. A wrong token is counted."""
        if self.allows(environ, path):
            return None
        other_site = None if self._asks_for_token(path) else self._checks.other_site(environ)
        return self._checks.untrusted_proxy(environ) or other_site or self._checks.no_token(environ)

    def _asks_for_token(self, path: str) -> bool:
        return self._tokens.required and path not in self._open

    def install(self, app: Flask, metrics: Metrics) -> None:
        """Guard the routes of an application, and give it `GET /metrics`."""
        admission.on_change = metrics.waiting.set

        def look() -> None:
            if admission.refusal is not None:
                raise RequestError(503, "overloaded", overloaded(admission.refusal))
            rejection = self.rejection_of(request.environ, request.path)
            if rejection is not None:
                raise RequestError(
                    rejection.status, rejection.code, rejection.message, retry_after_s=rejection.retry_after_s
                )

        app.before_request(look)
        app.add_url_rule(METRICS_PATH, "metrics", lambda: Response(metrics.exposition(), content_type=CONTENT_TYPE))


def overloaded(refusal: NotAdmitted) -> str:
    """Why there is no room, and what to do."""
    queue, queue_timeout_s = map(ServeSettings.variable, ("queue", "queue_timeout_s"))
    if refusal.waiting:
        return (
            f"the service has {refusal.waiting} requests waiting, as many as {queue} allows, or holds too many bytes "
            "for them; send it again later, or start more workers"
        )
    return (
        f"the request waited {refusal.waited_s:.1f} s for a thread, longer than {queue_timeout_s} allows; "
        f"send it again later, or start more workers"
    )
