"""Responses in JSON, errors too: no request gets a page of HTML or a stack trace."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from contract.wire import Error, ErrorResponse, ProtocolErrorResponse
from enrich_service import request_body
from enrich_service.http.describe import SERVER
from enrich_service.request_body import RequestError

log = logging.getLogger(__name__)

JSON = "application/json"
RETRY_AFTER_S = 1
"""Most causes of a 503 are over after a second."""

_CODES = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
}


def answer(data: Any, status: int = 200) -> Response:
    """A JSON response."""
    return Response(request_body.dump_json(data), status, content_type=JSON)


def error(status: int, code: str, message: str) -> Response:
    """A response with `{"error": {"type", "message"}}`; below /v2 the Open Inference Protocol's `{"error": "text"}`."""
    g.followed.error_type = code
    return Response(error_body(request.path, code, message), status, content_type=JSON)


def error_body(path: str, code: str, message: str) -> bytes:
    """The JSON of an error at a path."""
    if path == "/v2" or path.startswith("/v2/"):
        return request_body.dump_json(ProtocolErrorResponse(message))
    return request_body.dump_json(ErrorResponse(Error(code, message)))


def install(app: Flask) -> None:
    """Make every error of an application a response in JSON."""

    def refused(problem: RequestError) -> Response:
        response = error(problem.status, problem.code, str(problem))
        if problem.status == 401:
            response.headers["WWW-Authenticate"] = f'Bearer realm="{SERVER}"'
        if problem.status in (429, 503):
            response.headers["Retry-After"] = str(problem.retry_after_s or RETRY_AFTER_S)
        return response

    app.register_error_handler(RequestError, refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _our_fault)


def _http_error(problem: HTTPException) -> Response:
    """The response to a request that Flask itself refuses."""
    status = problem.code or 500
    words = {
        404: f"there is nothing at {request.path[:100]!r}; GET /openapi.json lists the routes",
        405: f"{request.method[:20]} is not allowed for {request.path[:100]!r}; use "
        + ", ".join(sorted(getattr(problem, "valid_methods", None) or ())),
    }
    message = words.get(status, problem.description or problem.name)
    response = error(status, _CODES.get(status, f"http_{status}"), message)
    for name, value in problem.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def _our_fault(problem: Exception) -> Response:
    """The response to a bug in the service: the traceback goes to the log, never to a client."""
    log.error("a request failed inside the service", exc_info=problem)
    return error(500, "internal_error", "the service failed on this request; its log has the traceback")
