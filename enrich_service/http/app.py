"""The routes: what comes in over HTTP, and with which status it is answered.

    POST /v1/enrich                            documents to results
    GET  /v1/model                             contract, version, figures
    GET  /v2/health/live, /v2/health/ready     open to everyone
    GET  /v2, /v2/models/NAME[/versions/V][/ready], POST .../infer     Open Inference Protocol
    GET  /openapi.json                         these routes, for programs

Nothing a client sends gives a 500: what is wrong with a request is a `RequestError`, what is wrong with a document
stands in that document's result, and a model that fails is 503, so that the same page is sent again later.
"""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, g, request
from msgspec import UNSET
from werkzeug.exceptions import ClientDisconnected

from common.access.forwarded import Forwarded
from common.access.request_checks import bearer
from common.access.tokens import Tokens
from contract.errors import ArtifactError
from contract.wire import EnrichResponse
from enrich_service import garbage, request_body
from enrich_service.http import access, openapi, respond, weight
from enrich_service.http.describe import SERVER, Live, ModelReady, Ready, model_metadata, model_page, server_metadata
from enrich_service.http.guard import Guard
from enrich_service.http.metrics import Metrics
from enrich_service.http.paths import ENRICH_PATH
from enrich_service.http.respond import JSON, answer
from enrich_service.model.artifact import Artifact
from enrich_service.oip import inference as oip
from enrich_service.predict.compute_slots import Turns
from enrich_service.predict.serving import ServedModels, Serving
from enrich_service.request_body import RequestError
from enrich_service.settings import ServeSettings

log = logging.getLogger(__name__)

_EXTENSION, _METRICS, _TURNS, _TOKENS = "oversight", "oversight-metrics", "oversight-turns", "oversight-tokens"
_MODEL, _VERSION = "/v2/models/<name>", "/versions/<version>"


def create_app(
    artifact: Artifact,
    settings: ServeSettings,
    *,
    tokens: Tokens | None = None,
    shadow: Artifact | None = None,
    local: bool = True,
    metrics_folder: Path | None = None,
) -> Flask:
    """The WSGI application of a model, and of the shadow that answers beside it; `models_of` switches them later.

    Args:
        artifact: the active model.
        settings: the service's settings.
        tokens: the tokens that clients may send; None: no token is required.
        shadow: the model beside it.
        local: only this machine reaches the service.
        metrics_folder: where the workers store their counts, to be summed; None: this application is alone.
    """
    app = Flask(SERVER, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # Flask would answer OPTIONS with an empty page of HTML
    app.url_map.merge_slashes = False  # it would send `//` elsewhere, with a page of HTML
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes + 1  # a chunked body is cut there: one byte tells

    metrics, tokens = Metrics(metrics_folder), tokens or Tokens()

    def make(active: Artifact, beside: Artifact | None) -> Serving:
        return Serving(
            active,
            beside,
            unknown_is_alert=settings.unknown_is_alert,
            on_compared=metrics.compared,
            on_enriched=metrics.serves(active.contract, active.version),
            cache_bytes=settings.cache_bytes,
        )

    guard = Guard(tokens, settings, local=local)
    models = ServedModels(make, make(artifact, shadow))
    follows = access.Access(counts=metrics, log_requests=settings.logs_requests)
    guard.install(app, metrics)
    app.extensions[_EXTENSION] = (models, settings)
    app.extensions[_METRICS], app.extensions[_TOKENS] = metrics, tokens
    app.extensions[_TURNS] = Turns()
    app.register_blueprint(_routes())
    app.teardown_request(_ended)
    respond.install(app, max_body_bytes=settings.max_body_bytes)
    follows.install(app)
    forwarded = Forwarded(app.wsgi_app, settings.proxies, setting=settings.variable("trusted_proxies"))
    app.wsgi_app = forwarded  # type: ignore[method-assign]
    return app


def models_of(app: Flask) -> ServedModels:
    """What an application serves, to switch it."""
    models: ServedModels = app.extensions[_EXTENSION][0]
    return models


def metrics_of(app: Flask) -> Metrics:
    """What an application counts."""
    metrics: Metrics = app.extensions[_METRICS]
    return metrics


def _routes() -> Blueprint:
    routes = Blueprint("routes", __name__)
    for path, method, view in (
        (ENRICH_PATH, "POST", enrich),
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
        ("/openapi.json", "GET", description),
    ):
        routes.add_url_rule(path, view_func=view, methods=[method])
    return routes


def enrich() -> Response:
    """One result a document, in the same order."""
    serving, settings = _state()
    page = request_body.documents(_body(settings), max_documents=settings.max_documents)
    try:
        results = serving.enrich(page)
    except ArtifactError as error:
        raise _model_failed(error) from None
    failures = Counter(result.error.type for result in results if result.error is not UNSET)
    metrics_of(current_app).page_ended(len(results), failures)
    access.page_ended(len(results), failures.total())
    return answer(EnrichResponse(serving.model, results))


def model() -> Response:
    """What is served, and which source fields a client must send."""
    return answer(model_page(_state()[0].artifact))


def live() -> Response:
    """The process answers."""
    return answer(Live(live=True))


def ready() -> Response:
    """The model answers a row, now."""
    _probe()
    return answer(Ready(ready=True))


def server() -> Response:
    """Server metadata of the Open Inference Protocol."""
    return answer(server_metadata())


def oip_model(name: str, version: str | None = None) -> Response:
    """Model metadata of the Open Inference Protocol."""
    return answer(model_metadata(_named(name, version)))


def oip_model_ready(name: str, version: str | None = None) -> Response:
    """Whether that model answers a row."""
    _named(name, version)
    _probe()
    return answer(ModelReady(name, ready=True))


def oip_infer(name: str, version: str | None = None) -> Response:
    """The outputs of the graph for the tensors of a request, all from one artifact."""
    artifact, settings = _named(name, version), _state()[1]
    oip.refuse_binary(request.headers.get(oip.BINARY_HEADER))
    asked = oip.parse(
        request_body.parse_json(_body(settings, untyped=True)), artifact.contract, max_rows=settings.max_documents
    )
    try:
        outputs = oip.infer(artifact, asked)
    except ArtifactError as error:
        raise _model_failed(error) from None
    return Response(oip.dump(outputs), content_type=JSON)


def description() -> Response:
    """The OpenAPI description, with the names and sizes of the model that is served."""
    serving, settings = _state()
    artifact = serving.artifact
    return answer(
        openapi.document(
            artifact.contract,
            artifact.version,
            asks_for_token=current_app.extensions[_TOKENS].required,
            max_documents=settings.max_documents,
            open_metrics=settings.open_metrics,
        )
    )


def _state() -> tuple[Serving, ServeSettings]:
    """What serves this request, taken once: a switch in the middle of it changes nothing for it."""
    if "serving" not in g:
        models, settings = current_app.extensions[_EXTENSION]
        g.serving = (models.current, settings)
    serving: tuple[Serving, ServeSettings] = g.serving
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
        503,
        "model_failed",
        "the model does not answer; send the request again later, and look at the log of the service",
    )


def _probe() -> None:
    try:
        _state()[0].artifact.probe()
    except ArtifactError as error:
        log.error("not ready: %s", error)
        raise RequestError(
            503, "not_ready", "the model does not answer; look at the log, then restart the service"
        ) from None


def _body(settings: ServeSettings, *, untyped: bool = False) -> bytes:
    """The body of a request that should be JSON, unpacked.

    `untyped`: a request without any Content-Type is taken, as tritonclient sends none; but only beside a token. A web
    page of somebody else can send a request without a type, and none with a token.
    """
    if request.mimetype != JSON and not (untyped and not request.mimetype and bearer(request.environ)):
        hint = (
            ""
            if request.mimetype or not untyped
            else f' (in tritonclient: infer(..., headers={{"Content-Type": "{JSON}"}}))'
        )
        raise RequestError(
            415,
            "unsupported_media_type",
            f"Content-Type is {request.mimetype[:60] or 'missing'!r}, expected {JSON}{hint}",
        )
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    try:
        body = request.get_data(cache=False)
        ended_early = len(body) < (request.content_length or 0)
    except (OSError, ClientDisconnected):
        body, ended_early = b"", True
    if ended_early:
        raise RequestError(400, "bad_request", "the body ends early; send it whole")
    if len(body) > settings.max_body_bytes:
        raise request_body.too_large(settings.max_body_bytes)
    data = request_body.inflate(body, encoding, max_bytes=settings.max_body_bytes)
    g.body_bytes = len(data)
    turn = current_app.extensions[_TURNS].of(len(data))
    turn.acquire()
    g.turn = turn
    weight.check(data, max_body_bytes=settings.max_body_bytes)
    return data


def _ended(_error: BaseException | None) -> None:
    """The request is answered: the next one has its turn."""
    garbage.after_request(g.get("body_bytes", 0))
    turn = g.pop("turn", None)
    if turn is not None:
        turn.release()
