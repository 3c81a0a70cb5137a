"""The OpenAPI description of the service, `GET /openapi.json`: the request, the response and the errors of each route.

    OPERATIONS (the routes) + schemas (from the model's contract) ──▶ one document, the same for the same model

A test compares `OPERATIONS` with the routes of the application, and the document with the running service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contract.artifact.contract import ModelContract
from contract.distribution import own_version
from enrich_service.http.openapi_schemas import TEXT, VERSION, Schema, ref, schemas
from enrich_service.http.paths import METRICS_PATH, PROBE_PATHS

OPENAPI = "3.1.0"
JSON = "application/json"
DESCRIPTION = (
    "Predictions for documents. Bodies are JSON in UTF-8, optionally compressed (`Content-Encoding: gzip`). "
    'A request that is refused as a whole gets `{"error": {"type", "message"}}`, below /v2 `{"error": "text"}`.'
)
_ENRICH, _PROTOCOL, _OPERATIONS = "enrich", "open inference protocol", "operations"

REFUSALS = {
    400: "The body is not JSON or not gzip, is incomplete, or asks for something that this service cannot do; "
    "the message names the place. "
    "Or `X-Forwarded-Proto` came from an address that is not a trusted proxy.",
    401: "The bearer token is missing or wrong.",
    403: "The service needs no token, and a web page of another site sent this request.",
    408: "The body took too long to arrive.",
    404: "No such model, or no such version of it.",
    413: "The body is too large, or holds too many documents; the message names the limit.",
    415: "This Content-Type or Content-Encoding is not supported.",
    421: "The service needs no token, and it does not accept this `Host`.",
    422: "The JSON has the wrong shape; the message names the path.",
    429: "Too many wrong tokens came from this address; `Retry-After` says how long to wait.",
    503: "The service cannot answer now; `Retry-After` says when to try again.",
}
"""Meaning of each error status."""
_HEADERS = {
    401: {"WWW-Authenticate": {"description": "Bearer.", "required": True, "schema": TEXT}},
    429: {"Retry-After": {"description": "Seconds.", "required": True, "schema": TEXT}},
    503: {"Retry-After": {"description": "Seconds.", "required": True, "schema": TEXT}},
}
_WITH_BODY = (400, 408, 413, 415)


@dataclass(frozen=True, slots=True)
class Operation:
    """One route in the description."""

    path: str
    """Path with parameters in braces, `/v2/models/{name}`."""
    method: str
    """HTTP method in lower case."""
    summary: str
    tag: str
    gives: str | None
    """Schema of the response; None: text, or JSON of any form."""
    takes: str | None = None
    """Schema of the request body."""
    refuses: tuple[int, ...] = ()
    """Statuses of its errors, without those of the checks before every route."""
    open: bool = False
    """Requires no token."""
    media_type: str = JSON
    """Media type of the response."""


def _of_models(path: str, of_which: str) -> tuple[Operation, ...]:
    return (
        Operation(path, "get", f"Inputs and outputs of {of_which}", _PROTOCOL, "ModelMetadata", refuses=(404,)),
        Operation(
            f"{path}/ready",
            "get",
            f"Whether {of_which} answers a test row now",
            _PROTOCOL,
            "ModelReady",
            refuses=(404, 503),
        ),
        Operation(
            f"{path}/infer",
            "post",
            f"Run the graph of {of_which} over tensors",
            _PROTOCOL,
            "InferResponse",
            takes="InferRequest",
            refuses=(*_WITH_BODY, 404, 503),
        ),
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "/v1/enrich",
        "post",
        "One partial document, or one error, for each document, in the same order",
        _ENRICH,
        "EnrichResponse",
        takes="EnrichRequest",
        refuses=(*_WITH_BODY, 422, 503),
    ),
    Operation("/v1/model", "get", "Name, fields, figures and contract of the model", _ENRICH, "ModelPage"),
    Operation("/v2/health/live", "get", "Whether the process is running", _PROTOCOL, "Live", open=True),
    Operation(
        "/v2/health/ready",
        "get",
        "Whether the model answers a test row now",
        _PROTOCOL,
        "Ready",
        refuses=(503,),
        open=True,
    ),
    Operation("/v2", "get", "Name, version and extensions of the server", _PROTOCOL, "ServerMetadata"),
    *_of_models("/v2/models/{name}", "a model"),
    *_of_models("/v2/models/{name}/versions/{version}", "a version of a model"),
    Operation("/openapi.json", "get", "This description", _OPERATIONS, None),
    Operation(
        METRICS_PATH, "get", "Counters of all workers, in Prometheus format", _OPERATIONS, None, media_type="text/plain"
    ),
)
"""Every route of the application."""


def document(
    contract: ModelContract, version: str, *, asks_for_token: bool, max_documents: int, open_metrics: bool = False
) -> dict[str, Any]:
    """The description of a service with this model; `open_metrics`: `/metrics` requires no token."""
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        path = paths.setdefault(operation.path, _parameters(operation.path, contract, version))
        free = operation.open or (open_metrics and operation.path == METRICS_PATH)
        path[operation.method] = _operation(operation, guarded=asks_for_token and not free)
    components: dict[str, Any] = {"schemas": schemas(contract, version, max_documents=max_documents)}
    if asks_for_token:
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Oversight enrich service",
            "version": own_version(),
            "description": DESCRIPTION,
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in (_ENRICH, _PROTOCOL, _OPERATIONS)],
        "paths": paths,
        "components": components,
    }


def _parameters(path: str, contract: ModelContract, version: str) -> dict[str, Any]:
    """The parameters of a path, if it has any."""
    known: dict[str, Schema] = {
        "name": {**TEXT, "enum": [contract.name]},
        "version": {**VERSION, "enum": [version]},
    }
    used = [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in known.items()
        if f"{{{name}}}" in path
    ]
    return {"parameters": used} if used else {}


def _operation(operation: Operation, *, guarded: bool) -> dict[str, Any]:
    error = ref("ProtocolErrorResponse" if operation.path.split("/")[1] == "v2" else "ErrorResponse")
    given = {} if operation.gives is None else {"schema": ref(operation.gives)}
    responses: dict[str, Any] = {"200": {"description": "The answer.", "content": {operation.media_type: given}}}
    of_checks = () if operation.open else (400, 401, 429) if guarded else (400, 403, 421)
    overloaded = () if operation.path in PROBE_PATHS else (503,)
    for status in sorted({*operation.refuses, *of_checks, *overloaded}):
        responses[str(status)] = {"description": REFUSALS[status], "content": {JSON: {"schema": error}}}
        if status in _HEADERS:
            responses[str(status)]["headers"] = _HEADERS[status]
    words = operation.path.translate(str.maketrans("/.", "__", "{}"))
    described: dict[str, Any] = {
        "operationId": f"{operation.method}{words}",  # get_v2_models_name_ready
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": [{"bearer": []}] if guarded else [],
        "responses": responses,
    }
    if operation.takes is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": ref(operation.takes)}}}
    return described
