"""What the engine can do. We ask the engine, and do not rely on its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from es_pipelines.cluster.requests import call

PROBE = "oversight-probe-*"
"""Index pattern of the templates that are only simulated, never stored."""


@dataclass(frozen=True, slots=True)
class Omission:
    """One thing that was left out."""

    what: str
    cost: str
    """What the user loses."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Which of the features that Oversight uses the engine has."""

    data_streams: bool
    index_mode: bool
    lifecycle: bool = False
    """Data streams begin a new index and delete an old one by themselves."""
    failure_store: bool = False
    pipeline_meta: bool = False
    """Pipelines may have `_meta`. Otherwise our label is at the end of their description."""
    security: bool = False
    roles: bool = False
    """We may write roles."""

    def omissions(self, retention: str | None = None) -> list[Omission]:
        """What this engine lacks, and what the user loses by it."""
        wanted = {
            "data stream": (
                self.data_streams,
                "one plain index of the same name is used instead: it never rolls over, so old events are "
                "deleted by query",
            ),
            "index.mode: standard": (
                self.index_mode,
                "nothing, unless an upgrade changes the default mode of `logs-*-*` streams",
            ),
            f"retention (OVERSIGHT_RETENTION={retention})": (
                self.lifecycle or not retention,
                "no event is deleted automatically: delete old events with a job of your own",
            ),
            "data stream lifecycle": (
                self.lifecycle or not self.data_streams,
                "the stream does not roll over automatically: call `_rollover` from a job of your own",
            ),
            "security": (
                self.security,
                "no roles and no API keys: everyone who can reach the cluster may read and change everything; "
                "let it listen on this machine only, or turn security on",
            ),
            "failure store": (
                self.failure_store,
                "a document that the mapping rejects gets a 400; `oversight ship` stores it again as failed, "
                "other shippers may lose it",
            ),
        }
        return [Omission(what, cost) for what, (there, cost) in wanted.items() if not there]


FEATURES: dict[str, tuple[str, dict[str, Any]]] = {
    "index_mode": ("settings", {"template": {"settings": {"index": {"mode": "standard"}}}}),
    "lifecycle": ("lifecycle", {"template": {"lifecycle": {"enabled": True}}, "data_stream": {}}),
    "failure_store": (
        "data_stream_options",
        {"template": {"data_stream_options": {"failure_store": {"enabled": True}}}, "data_stream": {}},
    ),
}
"""Features of index templates: the key that an index gets, and a template with the feature. Elasticsearch added them in
this order, so an engine that lacks one lacks those after it.
"""


def template_features(es: Elasticsearch, known: Mapping[str, bool], *, data_streams: bool) -> set[str]:
    """Which of these features the engine accepts. Nothing is written.

    Args:
        es: a client of the cluster.
        known: features that need no request.
        data_streams: whether the engine has them; without them, only `index_mode` matters.
    """
    found: set[str] = set()
    for feature in FEATURES if data_streams else ("index_mode",):
        if not (known[feature] if feature in known else takes(es, feature)):
            break
        found.add(feature)
    return found


def takes(es: Elasticsearch, feature: str) -> bool:
    """Whether a template may have a feature. Some engines refuse it, others accept and ignore it."""
    key, template = FEATURES[feature]
    body = {"index_patterns": [PROBE], "priority": 500, **template}
    answer = call(es, "POST", "/_index_template/_simulate", body, allow=(400,))
    return answer.status == 200 and key in answer.body.get("template", {})


def takes_pipeline_meta(es: Elasticsearch) -> bool:
    """Whether a pipeline may have `_meta`."""
    pipeline = {
        "description": "checks whether `_meta` is accepted",
        "_meta": {"managed_by": "oversight"},
        "processors": [],
    }
    body = {"pipeline": pipeline, "docs": [{"_source": {}}]}
    answer = call(es, "POST", "/_ingest/pipeline/_simulate", body, allow=(400,))
    return answer.status == 200 and all("error" not in document for document in answer.body["docs"])
