"""The routes: what comes in over HTTP, and with which status it is answered.

    POST /v1/enrich          documents -> results             GET /v2/health/live, /v2/health/ready   open to all
    GET  /v1/model           contract, version, figures       GET /v2, /v2/models/NAME[/versions/V][/ready]   Open Inference Protocol
                                                              POST /v2/models/NAME[/versions/V]/infer   tensors -> tensors

Nothing a client sends gives a 500: what is wrong with a request is a `RequestError`, what is wrong with a document
stands in that document's result, and a model that fails is 503, so that the same page is sent again later.
"""

from __future__ import annotations

import hmac
import logging
import time
from importlib import metadata
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge

from contract.errors import ArtifactError
from enrich_service import oip, wire
from enrich_service.artifact import Artifact
from enrich_service.config import AppConfig
from enrich_service.describe import EXTENSIONS, model_metadata, model_page
from enrich_service.serving import Models, Serving
from enrich_service.shadow import OnCompared
from enrich_service.wire import RequestError

log = logging.getLogger(__name__)

SERVER = "oversight-enrich"
JSON = "application/json"
OPEN_PATHS = frozenset({"/v2/health/live", "/v2/health/ready"})
"""Never ask for a token: an orchestrator's probes have none."""

_EXTENSION = "oversight"
_MODEL, _VERSION = "/v2/models/<name>", "/versions/<version>"
_CODES = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    413: "request_too_large",
}


def create_app(
    artifact: Artifact, config: AppConfig, *, shadow: Artifact | None = None, on_compared: OnCompared | None = None
) -> Flask:
    """The WSGI application of a model, and of the shadow that answers beside it; `models_of` switches them later."""
    app = Flask(SERVER, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = config.max_body_bytes + 1  # a chunked body is cut there: one byte tells

    def make(active: Artifact, beside: Artifact | None) -> Serving:
        return Serving(active, beside, unknown_is_alert=config.unknown_is_alert, on_compared=on_compared)

    app.extensions[_EXTENSION] = (Models(make, make(artifact, shadow)), config)
    app.register_blueprint(_routes())
    app.before_request(_authorize)
    app.register_error_handler(RequestError, _request_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _our_fault)
    return app


def models_of(app: Flask) -> Models:
    """What an application serves, to switch it."""
    models: Models = app.extensions[_EXTENSION][0]
    return models


def _routes() -> Blueprint:
    routes = Blueprint("routes", __name__)
    for path, method, view in (
        ("/v1/enrich", "POST", enrich),
        ("/v1/model", "GET", model),
        ("/v2/health/live", "GET", live),
        ("/v2/health/ready", "GET", ready),
        ("/v2", "GET", server),
        (_MODEL, "GET", oip_model),
        (_MODEL + _VERSION, "GET", oip_model),
        (f"{_MODEL}/ready", "GET", oip_model_ready),
        (f"{_MODEL}{_VERSION}/ready", "GET", oip_model_ready),
        (f"{_MODEL}/infer", "POST", oip_infer),
        (f"{_MODEL}{_VERSION}/infer", "POST", oip_infer),
    ):
        routes.add_url_rule(path, view_func=view, methods=[method])
    return routes


def enrich() -> Response:
    """One result a document, in the same order."""
    serving, config = _state()
    began = time.monotonic_ns()
    documents = wire.documents(_json_body(config), max_documents=config.max_documents)
    try:
        found = serving.answer(documents)
    except ArtifactError as error:
        raise _model_failed(error) from None
    log.debug(
        "batch enriched",
        extra={
            "event.action": "enrich-batch",
            "event.outcome": "success",
            "event.duration": time.monotonic_ns() - began,
            "enrich_service.batch.size": len(documents),
            "enrich_service.batch.failed": found.failures.total(),
        },
    )
    return Response(wire.dump_answer(serving.model, found.results), content_type=JSON)


def model() -> Response:
    """What is served, and which source fields a client must send."""
    return answer(model_page(_state()[0].artifact))


def live() -> Response:
    """The process answers."""
    return answer({"live": True})


def ready() -> Response:
    """The model answers a row, now."""
    _probe()
    return answer({"ready": True})


def server() -> Response:
    """Server metadata of the Open Inference Protocol."""
    return answer({"name": SERVER, "version": metadata.version("oversight"), "extensions": EXTENSIONS})


def oip_model(name: str, version: str | None = None) -> Response:
    """Model metadata of the Open Inference Protocol."""
    return answer(model_metadata(_named(name, version)))


def oip_model_ready(name: str, version: str | None = None) -> Response:
    """Whether that model answers a row."""
    _named(name, version)
    _probe()
    return answer({"name": name, "ready": True})


def oip_infer(name: str, version: str | None = None) -> Response:
    """The outputs of the graph for the tensors of a request, all from one artifact."""
    artifact, config = _named(name, version), _state()[1]
    oip.refuse_binary(request.headers.get(oip.BINARY_HEADER))
    asked = oip.parse(_json_body(config, untyped=True), artifact.contract, max_rows=config.max_documents)
    try:
        outputs = oip.infer(artifact, asked)
    except ArtifactError as error:
        raise _model_failed(error) from None
    return Response(oip.dump(outputs), content_type=JSON)


def answer(data: Any, status: int = 200) -> Response:
    """A JSON response."""
    return Response(wire.dump_json(data), status, content_type=JSON)


def _state() -> tuple[Serving, AppConfig]:
    """What serves this request, taken once: a switch in the middle of it changes nothing for it."""
    if "serving" not in g:
        models, config = current_app.extensions[_EXTENSION]
        g.serving = (models.current, config)
    serving: tuple[Serving, AppConfig] = g.serving
    return serving


def _named(name: str, version: str | None) -> Artifact:
    """The artifact that answers this request, if it is the one that its path names; without a version any is."""
    artifact = _state()[0].artifact
    if name != artifact.contract.name:
        raise RequestError(
            404, "not_found", f"there is no model {name[:60]!r} here; this service has {artifact.contract.name!r}"
        )
    if version not in (None, artifact.version):
        raise RequestError(
            404,
            "not_found",
            f"there is no version {str(version)[:60]!r} of {name!r} here; this service has {artifact.version!r}",
        )
    return artifact


def _model_failed(error: ArtifactError) -> RequestError:
    log.error("the model does not answer: %s", error)
    return RequestError(
        503, "model_failed", "the model does not answer; send the page again later, and see the log of the service"
    )


def _probe() -> None:
    try:
        _state()[0].artifact.probe()
    except ArtifactError as error:
        log.error("not ready: %s", error)
        raise RequestError(
            503, "not_ready", "the model does not answer; see the log, and start the service anew"
        ) from None


def _json_body(config: AppConfig, *, untyped: bool = False) -> Any:
    """The JSON of a request; `untyped`: a request without any Content-Type is taken, as tritonclient sends none."""
    if request.mimetype != JSON and not (untyped and not request.mimetype):
        raise RequestError(
            415, "unsupported_media_type", f"Content-Type is {request.mimetype[:60] or 'missing'!r}, expected {JSON}"
        )
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    try:
        body = request.get_data(cache=False)
    except (OSError, ParseException, ClientDisconnected):
        raise RequestError(
            400, "bad_request", "the body ends early, or its chunks are no valid HTTP; send it whole"
        ) from None
    if len(body) > config.max_body_bytes:
        raise wire.too_large(config.max_body_bytes)
    return wire.parse_json(wire.inflate(body, encoding, max_bytes=config.max_body_bytes))


def _authorize() -> None:
    """Compare the bearer token, in a time that does not tell how much of it was right."""
    token = _state()[1].token
    if token is None or request.path in OPEN_PATHS:
        return
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    # WSGI hands headers over as Latin-1; this gives back the bytes that were sent
    sent = given.strip().encode("latin-1", "replace")
    if scheme.lower() != "bearer" or not hmac.compare_digest(sent, token.encode()):
        raise RequestError(
            401,
            "unauthorized",
            "no or a wrong bearer token; send `Authorization: Bearer ...` with OVERSIGHT_ENRICH_TOKEN",
        )


def _request_error(error: RequestError) -> Response:
    response = _error(error.status, error.code, str(error))
    if error.status == 401:
        response.headers["WWW-Authenticate"] = f'Bearer realm="{SERVER}"'
    if error.status == 503:
        response.headers["Retry-After"] = "1"
    return response


def _http_error(error: HTTPException) -> Response:
    """What Flask itself refuses."""
    status = error.code or 500
    if isinstance(error, RequestEntityTooLarge):
        return _request_error(wire.too_large(_state()[1].max_body_bytes))
    words = {
        404: f"there is nothing at {request.path[:100]!r}; the routes are /v1/enrich, /v1/model and those below /v2",
        405: f"{request.method[:20]} is not for {request.path[:100]!r}; allowed: "
        + ", ".join(sorted(getattr(error, "valid_methods", None) or ())),
    }
    response = _error(status, _CODES.get(status, f"http_{status}"), words.get(status, error.description or error.name))
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def _our_fault(error: Exception) -> Response:
    """A mistake of ours: the trace goes to the log, never to a client."""
    log.error("a request failed inside the service", exc_info=error)
    return _error(500, "internal_error", "the service failed on this request; the log of the service has the trace")


def _error(status: int, code: str, message: str) -> Response:
    """`{"error": {"type", "message"}}`; below /v2 the Open Inference Protocol's `{"error": "text"}`."""
    if request.path == "/v2" or request.path.startswith("/v2/"):
        return answer({"error": message}, status)
    return answer({"error": {"type": code, "message": message}}, status)
