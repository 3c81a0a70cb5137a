"""Checks before every route: is there room for the request, and may the client send it?

request ──▶ ids (access) ──▶ room? 503 ──▶ who asks? 400, 401, 403, 421, 429 ──▶ route
"""

from __future__ import annotations

from wsgiref.types import WSGIEnvironment

from flask import Flask, request

from common.access.request_checks import Rejection, RequestChecks
from common.access.tokens import Tokens
from common.server.admission import NotAdmitted, admission
from enrich_service.http.paths import HEALTH_PATHS, METRICS_PATH
from enrich_service.request_body import RequestError
from enrich_service.settings import ServeSettings


def install(app: Flask, tokens: Tokens, settings: ServeSettings, *, local: bool) -> None:
    """Guard the routes of an application.

    Args:
        app: the application.
        tokens: the valid tokens.
        settings: the service's settings.
        local: only this machine can reach the service.
    """
    checks = RequestChecks(tokens, settings, local=local)
    without_token = {METRICS_PATH} if settings.open_metrics else set()

    def rejection(environ: WSGIEnvironment, path: str) -> Rejection | None:
        if path in HEALTH_PATHS:  # an orchestrator's probes have neither a token nor one of our host names
            return None
        untrusted = checks.untrusted_proxy(environ)
        if untrusted is not None:
            return untrusted
        if not tokens.required or path in without_token:
            return checks.other_site(environ)
        return None if checks.has_token(environ) else checks.no_token(environ)

    def check() -> None:
        if admission.refusal is not None:
            raise RequestError(503, "overloaded", overloaded(admission.refusal))
        found = rejection(request.environ, request.path)
        if found is not None:
            raise RequestError(found.status, found.code, found.message, retry_after_s=found.retry_after_s)

    app.before_request(check)


def overloaded(refusal: NotAdmitted) -> str:
    """Why there is no room for a request, and what to do."""
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
