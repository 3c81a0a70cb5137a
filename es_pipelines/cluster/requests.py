"""Send one request of the provisioner, and explain a refusal.

Every request goes through `call`, so that a missing privilege is named with the request that needs it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from elasticsearch import ApiError, Elasticsearch

from common.elastic.faults import privilege
from contract.errors import SettingsError

NO_ROUTE = (400, 404, 405)
"""Status codes of engines that do not have a route."""
NO_SECURITY = (*NO_ROUTE, 500, 501)
"""Status codes of the security routes if there is no security, or if it is off."""
_JSON = {"accept": "application/json", "content-type": "application/json"}


class ClusterResponse(NamedTuple):
    """The response of the engine."""

    status: int
    body: Any


def call(
    es: Elasticsearch,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    params: Mapping[str, str] | None = None,
    allow: Collection[int] = (),
) -> ClusterResponse:
    """Send one request.

    Args:
        es: a client of the cluster.
        method: of HTTP.
        path: begins with `/`.
        body: sent as JSON.
        params: of the query string.
        allow: status codes besides 2xx that are no error.
    Raises:
        SettingsError: 403; names the request.
        ApiError: any other status.
    """
    headers = _JSON if body is not None else {"accept": "application/json"}
    try:
        response = es.perform_request(method, path, params=params, headers=headers, body=body)
    except ApiError as error:
        if error.meta.status in allow:
            return ClusterResponse(error.meta.status, error.body)
        if error.meta.status == 403:
            raise SettingsError(forbidden(method, path, error)) from None
        raise
    return ClusterResponse(response.meta.status, response.body)


def forbidden(method: str, path: str, error: ApiError) -> str:
    """The message for a 403: a privilege is missing, or something is blocked."""
    kind, reason = error_of(error.body)
    if "block" in kind:
        return f"{method} {path} is blocked ({reason}); free disk space or lift the block, then run it again"
    return f"{method} {path} is forbidden: Elasticsearch {privilege(error.body)}; grant it, then run it again"


def error_of(body: Any) -> tuple[str, str]:
    """Type and reason of an error response; empty if it is none."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(error, Mapping):
        return str(error.get("type", "")), " ".join(str(error.get("reason", "")).split())[:300]
    return "", str(error or "")[:300]
