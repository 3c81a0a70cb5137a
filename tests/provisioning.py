"""Shared by the tests of provisioning: a client that counts or fails writes, and the state of an installation."""

from __future__ import annotations

from typing import Any, Self

from elastic_transport import ConnectionError as TransportConnectionError
from elasticsearch import Elasticsearch

from contract.documents.alerts import alerts_index
from contract.documents.fields import stream_name
from contract.documents.heartbeats import heartbeat_index
from tests.waiting import WAIT_S

ASKS = ("/_simulate", "/_has_privileges", "/_search", "/_refresh")
"""Ends of paths that are POST requests but only read."""


class WritesCounted(Elasticsearch):
    """A client that records every write. It can fail after the n-th one."""

    def __init__(self, url: str, *, cut_after: int | None = None) -> None:
        super().__init__(url, request_timeout=WAIT_S)
        self.writes: list[str] = []
        self.requests = 0
        self._cut_after = cut_after

    def __enter__(self) -> Self:
        """Return itself, with its own type."""
        return self

    def perform_request(self, method: str, path: str, **options: Any) -> Any:
        """Send a request, and record it if it writes."""
        self.requests += 1
        answer = super().perform_request(method, path, **options)
        if method not in ("GET", "HEAD") and not path.endswith(ASKS):
            self.writes.append(f"{method} {path}")
            if len(self.writes) == self._cut_after:
                raise TransportConnectionError("cut off after a write")
        return answer


def state(es: Elasticsearch, namespace: str) -> dict[str, Any]:
    """Return every resource of an installation, without what differs between runs."""
    pattern = f"oversight-*-{namespace}"
    quiet = es.options(ignore_status=[404])
    resources: dict[str, Any] = {
        "pipelines": dict(quiet.ingest.get_pipeline(id=pattern).body),
        "component templates": quiet.cluster.get_component_template(name=pattern).body.get("component_templates", []),
        "index templates": quiet.indices.get_index_template(name=pattern).body.get("index_templates", []),
    }
    for name in (stream_name(namespace), heartbeat_index(namespace), alerts_index(namespace)):
        for index, body in dict(quiet.indices.get(index=name).body).items():
            if isinstance(body, dict) and "mappings" in body:
                settings = body["settings"]["index"]
                resources[index] = {
                    "mappings": body["mappings"],
                    "pipelines": [settings.get(f"{which}_pipeline") for which in ("default", "final")],
                }
    return {kind: _in_order(body) for kind, body in resources.items()}


def _in_order(body: Any) -> Any:
    return sorted(body, key=lambda item: str(item["name"])) if isinstance(body, list) else body
