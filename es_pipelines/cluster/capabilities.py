"""What the engine can do, found by asking it and never by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from es_pipelines.cluster.requests import Answer, call, error_of
from es_pipelines.security.keys import may_manage

PROBE = "oversight-probe-*"
"""Index pattern of the templates that are only simulated, never stored."""


@dataclass(frozen=True, slots=True)
class Omission:
    """One thing that was left out."""

    what: str
    cost: str
    """What the user has to do without."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What of the things that we would use the engine takes."""

    data_streams: bool
    index_mode: bool
    lifecycle: bool = False
    """Of data streams: they begin a new index and delete an old one by themselves."""
    failure_store: bool = False
    pipeline_meta: bool = False
    """`_meta` on a pipeline; without, our mark stands at the end of its description."""
    security: bool = False
    roles: bool = False
    """Whether we may write roles there."""

    def omissions(self, retention: str | None = None) -> list[Omission]:
        """What is left out on this engine, and what that costs the user."""
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


def ask(es: Elasticsearch) -> Capabilities:
    """Ask the engine; nothing is written."""
    streams, manages = _has_data_streams(es), may_manage(es)
    return Capabilities(
        data_streams=streams,
        index_mode="settings" in _simulated(es, {"settings": {"index": {"mode": "standard"}}}),
        lifecycle=streams and takes_lifecycle(es),
        failure_store=streams and takes_failure_store(es),
        pipeline_meta=_takes_pipeline_meta(es),
        security=manages is not None,
        roles=bool(manages),
    )


def takes_lifecycle(es: Elasticsearch) -> bool:
    """Whether a template may say how long its data stream keeps events; some engines take the words and forget them."""
    return "lifecycle" in _simulated(es, {"lifecycle": {"enabled": True}}, data_stream={})


def takes_failure_store(es: Elasticsearch) -> bool:
    """Whether a template may give its data stream a failure store."""
    options = {"failure_store": {"enabled": True}}
    return "data_stream_options" in _simulated(es, {"data_stream_options": options}, data_stream={})


def _has_data_streams(es: Elasticsearch) -> bool:
    answer = call(es, "GET", "/_data_stream/oversight-probe", allow=(400, 404, 405))
    if answer.status == 404:
        return error_of(answer.body)[0] != ""  # a missing stream has a type; a missing route has none
    return answer.status == 200  # with 400 and 405 the route belongs to something else there


def _simulated(es: Elasticsearch, template: Mapping[str, Any], **more: Any) -> Mapping[str, Any]:
    """What a template that says this would give an index; empty where the engine does not take it."""
    body = {"index_patterns": [PROBE], "priority": 500, "template": template, **more}
    answer = call(es, "POST", "/_index_template/_simulate", body, allow=(400,))
    found: Mapping[str, Any] = answer.body.get("template", {}) if answer.status == 200 else {}
    return found


def _takes_pipeline_meta(es: Elasticsearch) -> bool:
    pipeline = {
        "description": "checks whether `_meta` is accepted",
        "_meta": {"managed_by": "oversight"},
        "processors": [],
    }
    body = {"pipeline": pipeline, "docs": [{"_source": {}}]}
    return _simulates(call(es, "POST", "/_ingest/pipeline/_simulate", body, allow=(400,)))


def _simulates(answer: Answer) -> bool:
    return answer.status == 200 and all("error" not in document for document in answer.body["docs"])
