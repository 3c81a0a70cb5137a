"""The routes: what they accept, and with which status they respond.

    POST /v1/enrich                            documents to results
    GET  /v1/model                             contract, version, figures
    GET  /v2/health/live, /v2/health/ready     open to everyone
    GET  /v2, /v2/models/NAME[/versions/V][/ready], POST .../infer     Open Inference Protocol
    GET  /metrics                              for Prometheus
    GET  /openapi.json                         these routes, for programs

No request causes a 500. A wrong request gets a `RequestError`, a wrong document an error in its own result. A model
that fails gets 503, so that the client sends the same page again later.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path

from flask import Flask, Response, g, request
from msgspec import UNSET

from common.access.forwarded import Forwarded
from common.access.request_checks import bearer
from common.access.tokens import Tokens
from common.server.admission import admission
from contract.artifact.site_profile import SiteProfile
from contract.errors import ArtifactError
from contract.wire import EnrichResponse
from enrich_service import garbage, request_body
from enrich_service.http import access, guard, openapi, respond, weight
from enrich_service.http.describe import SERVER, Live, ModelReady, Ready, model_metadata, model_page, server_metadata
from enrich_service.http.metrics import CONTENT_TYPE, Metrics
from enrich_service.http.paths import ENRICH_PATH, METRICS_PATH
from enrich_service.http.respond import JSON, answer
from enrich_service.model.artifact import Artifact
from enrich_service.oip import inference as oip
from enrich_service.predict.compute_slots import Turns
from enrich_service.predict.serving import ServedModels, Serving
from enrich_service.request_body import RequestError
from enrich_service.settings import ServeSettings

log = logging.getLogger(__name__)

_EXTENSION = "oversight"
_MODEL, _VERSION = "/v2/models/<name>", "/versions/<version>"


def create_app(
    artifact: Artifact,
    settings: ServeSettings,
    *,
    tokens: Tokens | None = None,
    shadow: Artifact | None = None,
    profile: SiteProfile | None = None,
    local: bool = True,
    metrics_folder: Path | None = None,
) -> Flask:
    """Create the WSGI application of a model; `routes_of(app).models` switches the model later.

    Args:
        artifact: the active model.
        settings: the service's settings.
        tokens: the valid tokens; None: no token is required.
        shadow: the shadow model.
        profile: what is usual at this site; it must fit every model that will be served.
        local: only this machine can reach the service.
        metrics_folder: folder that holds the counts of all workers; None: there is only this process.
    """
    app = Flask(SERVER, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # Flask would respond to OPTIONS with an empty page of HTML
    app.url_map.merge_slashes = False  # it would redirect `//`, with a page of HTML

    metrics, tokens = Metrics(metrics_folder), tokens or Tokens()

    def make(active: Artifact, beside: Artifact | None) -> Serving:
        active = replace(active, profile=profile)
        return Serving(
            active,
            beside,
            unknown_is_alert=settings.unknown_is_alert,
            on_compared=metrics.compared,
            on_enriched=metrics.serves(active.usual, active.version),
            cache_bytes=settings.cache_bytes,
        )

    routes = Routes(ServedModels(make, make(artifact, shadow)), settings, metrics, tokens)
    app.extensions[_EXTENSION] = routes
    admission.on_change = metrics.waiting.set
    access.install(app, metrics, log_requests=settings.logs_requests)
    guard.install(app, tokens, settings, local=local)
    routes.install(app)
    respond.install(app)
    forwarded = Forwarded(app.wsgi_app, settings.proxies, setting=settings.variable("trusted_proxies"))
    app.wsgi_app = forwarded  # type: ignore[method-assign]  # as Flask's documentation says
    return app


def routes_of(app: Flask) -> Routes:
    """The routes of an application, with its models and metrics."""
    routes: Routes = app.extensions[_EXTENSION]
    return routes


class Routes:
    """The view of each route."""

    def __init__(self, models: ServedModels, settings: ServeSettings, metrics: Metrics, tokens: Tokens) -> None:
        self.models, self.metrics = models, metrics
        self._settings, self._tokens = settings, tokens
        self._turns = Turns()

    def install(self, app: Flask) -> None:
        """Add the routes to an application."""
        for path, method, view in (
            (ENRICH_PATH, "POST", self.enrich),
            ("/v1/model", "GET", self.model),
            ("/v2/health/live", "GET", self.live),
            ("/v2/health/ready", "GET", self.ready),
            ("/v2", "GET", self.server),
            (_MODEL, "GET", self.oip_model),
            (_MODEL + _VERSION, "GET", self.oip_model),
            (f"{_MODEL}/ready", "GET", self.oip_model_ready),
            (f"{_MODEL}{_VERSION}/ready", "GET", self.oip_model_ready),
            (f"{_MODEL}/infer", "POST", self.oip_infer),
            (f"{_MODEL}{_VERSION}/infer", "POST", self.oip_infer),
            (METRICS_PATH, "GET", self.exposition),
            ("/openapi.json", "GET", self.description),
        ):
            app.add_url_rule(path, view_func=view, methods=[method])
        app.teardown_request(_end)

    def enrich(self) -> Response:
        """Respond with one result for each document, in the same order."""
        serving = self.models.current  # once: a switch of the model does not affect a request that has begun
        page = request_body.documents(self._body(), max_documents=self._settings.max_documents)
        try:
            results = serving.enrich(page)
        except ArtifactError as error:
            raise _model_failed(error) from None
        failures = Counter(result.error.type for result in results if result.error is not UNSET)
        self.metrics.page_ended(len(results), failures)
        access.page_ended(len(results), failures.total())
        return answer(EnrichResponse(serving.enricher.model, results))

    def model(self) -> Response:
        """Respond with the model, and the document fields that a client must send."""
        return answer(model_page(self.models.current.artifact))

    def live(self) -> Response:
        """Respond that the process is running."""
        return answer(Live(live=True))

    def ready(self) -> Response:
        """Respond that the model predicts a test row now."""
        _probe(self.models.current.artifact)
        return answer(Ready(ready=True))

    def server(self) -> Response:
        """Respond with the server metadata of the Open Inference Protocol."""
        return answer(server_metadata())

    def oip_model(self, name: str, version: str | None = None) -> Response:
        """Respond with the model metadata of the Open Inference Protocol."""
        return answer(model_metadata(self._named(name, version)))

    def oip_model_ready(self, name: str, version: str | None = None) -> Response:
        """Respond that this model predicts a test row now."""
        _probe(self._named(name, version))
        return answer(ModelReady(name, ready=True))

    def oip_infer(self, name: str, version: str | None = None) -> Response:
        """Respond with the outputs of the graph for the tensors of a request."""
        artifact = self._named(name, version)
        oip.refuse_binary(request.headers.get(oip.BINARY_HEADER))
        data = request_body.parse_json(self._body(untyped=True))
        asked = oip.parse(data, artifact.contract, max_rows=self._settings.max_documents)
        try:
            outputs = oip.infer(artifact, asked)
        except ArtifactError as error:
            raise _model_failed(error) from None
        return Response(oip.dump(outputs), content_type=JSON)

    def exposition(self) -> Response:
        """Respond with the metrics of all workers."""
        return Response(self.metrics.exposition(), content_type=CONTENT_TYPE)

    def description(self) -> Response:
        """Respond with the OpenAPI description, with the names and sizes of the served model."""
        artifact = self.models.current.artifact
        return answer(
            openapi.document(
                artifact.contract,
                artifact.version,
                asks_for_token=self._tokens.required,
                max_documents=self._settings.max_documents,
                open_metrics=self._settings.open_metrics,
            )
        )

    def _named(self, name: str, version: str | None) -> Artifact:
        """The served artifact, if the path names it; any version fits a path without one."""
        artifact = self.models.current.artifact
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

    def _body(self, *, untyped: bool = False) -> bytes:
        """The unpacked body of a request with JSON, once this thread has its turn to compute.

        `untyped` accepts a request without a Content-Type, since tritonclient sends none, but only with a token: a page
        of another site can send a request without a type, but never a token.
        """
        if request.mimetype != JSON and not (untyped and not request.mimetype and bearer(request.environ)):
            hint = f' (in tritonclient: infer(..., headers={{"Content-Type": "{JSON}"}}))'
            raise RequestError(
                415,
                "unsupported_media_type",
                f"Content-Type is {request.mimetype[:60] or 'missing'!r}, expected {JSON}"
                f"{hint if untyped and not request.mimetype else ''}",
            )
        # The server has read the whole body, or as much of it as may be. Werkzeug would copy it; this does not.
        body, claimed = request.environ["wsgi.input"].read(), request.content_length or 0
        max_bytes = self._settings.max_body_bytes
        if max(len(body), claimed) > max_bytes:
            raise request_body.too_large(max_bytes)
        if len(body) < claimed:
            raise RequestError(400, "bad_request", "the body ends early; send it whole")
        encoding = request.headers.get("Content-Encoding", "").strip().lower()
        data = request_body.inflate(body, encoding, max_bytes=max_bytes)
        turn = self._turns.of(len(data))
        turn.acquire()
        g.turn, g.body_bytes = turn, len(data)
        weight.check(data, max_body_bytes=max_bytes)
        return data


def _model_failed(error: ArtifactError) -> RequestError:
    log.error("the model does not answer: %s", error)
    return RequestError(
        503,
        "model_failed",
        "the model does not answer; send the request again later, and look at the log of the service",
    )


def _probe(artifact: Artifact) -> None:
    try:
        artifact.probe()
    except ArtifactError as error:
        log.error("not ready: %s", error)
        raise RequestError(
            503, "not_ready", "the model does not answer; look at the log, then restart the service"
        ) from None


def _end(_error: BaseException | None) -> None:
    """Let the next request compute, and collect the garbage of a large one."""
    if "turn" in g:
        garbage.after_request(g.body_bytes)
        g.turn.release()
