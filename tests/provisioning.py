"""What the tests of provisioning share: a client that counts or fails writes, and what of an installation stands."""

from __future__ import annotations

from typing import Any, Self

from elastic_transport import ConnectionError as TransportConnectionError
from elasticsearch import Elasticsearch

from contract.documents.alerts import alerts_index
from contract.documents.fields import stream_name
from contract.documents.heartbeats import heartbeat_index
from tests.waiting import WAIT_S

ASKS = ("/_simulate", "/_has_privileges", "/_search", "/_refresh")
"""Ends of paths that are posted to and only ask."""


class WritesCounted(Elasticsearch):
    """A client that notes every request that is no read, and is cut off after the n-th of them where that is asked
    for.
    """

    def __init__(self, url: str, *, cut_after: int | None = None) -> None:
        super().__init__(url, request_timeout=WAIT_S)
        self.writes: list[str] = []
        self.requests = 0
        self._cut_after = cut_after

    def __enter__(self) -> Self:
        """Itself, by its own type."""
        return self

    def perform_request(self, method: str, path: str, **options: Any) -> Any:
        """Send it, and note it unless it only asks."""
        self.requests += 1
        answer = super().perform_request(method, path, **options)
        if method not in ("GET", "HEAD") and not path.endswith(ASKS):
            self.writes.append(f"{method} {path}")
            if len(self.writes) == self._cut_after:
                raise TransportConnectionError("cut off after a write")
        return answer


def state(es: Elasticsearch, namespace: str) -> dict[str, Any]:
    """Everything of an installation as the engine gives it, without what differs from run to run."""
    ours = f"oversight-*-{namespace}"
    quiet = es.options(ignore_status=[404])
    found: dict[str, Any] = {
        "pipelines": dict(quiet.ingest.get_pipeline(id=ours).body),
        "component templates": quiet.cluster.get_component_template(name=ours).body.get("component_templates", []),
        "index templates": quiet.indices.get_index_template(name=ours).body.get("index_templates", []),
    }
    for name in (stream_name(namespace), heartbeat_index(namespace), alerts_index(namespace)):
        for index, body in dict(quiet.indices.get(index=name).body).items():
            if isinstance(body, dict) and "mappings" in body:
                settings = body["settings"]["index"]
                found[index] = {
                    "mappings": body["mappings"],
                    "pipelines": [settings.get(f"{which}_pipeline") for which in ("default", "final")],
                }
    return {kind: _in_order(body) for kind, body in found.items()}


def _in_order(body: Any) -> Any:
    return sorted(body, key=lambda item: str(item["name"])) if isinstance(body, list) else body
