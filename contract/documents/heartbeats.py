"""A watcher's heartbeat: one document for each run, overwritten again and again while the watcher runs.

    watcher ──▶ oversight-watchers-<namespace>, one document a watcher ──▶ `oversight status`, dashboards

A field of ECS has its ECS name. A watcher's own facts are below `watcher.*`, named as in its log.
"""

from __future__ import annotations

from typing import Any

from contract.documents.fields import Field, properties

INDEX_PREFIX = "oversight-watchers-"
DATASET = "oversight.watcher"
SERVICE = "oversight-watcher"

WORKING, IDLE, WAITING, STOPPED = "working", "idle", "waiting", "stopped"
STATES = (WORKING, IDLE, WAITING, STOPPED)
"""Working: has pending documents. Idle: nothing is pending. Waiting: a server is down, slow or refuses."""
CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"
BREAKER_STATES = (CLOSED, OPEN, HALF_OPEN)
"""The circuit breaker: requests go to the service; none do for a while, after failures; a single request tries it."""
MISSED = 3
"""Intervals without a heartbeat after which a watcher counts as gone."""

FIELDS: tuple[Field, ...] = (
    Field("@timestamp", "date", "when this heartbeat was written"),
    Field("ecs.version", "keyword", "version of the Elastic Common Schema that the document follows"),
    Field("event.kind", "keyword", "state"),
    Field("event.module", "keyword", "oversight"),
    Field("event.dataset", "keyword", "oversight.watcher"),
    Field("host.name", "keyword", "machine that the watcher runs on"),
    Field("process.pid", "long", "its process there"),
    Field("service.name", "keyword", "oversight-watcher"),
    Field("oversight.model.id", "keyword", "model of the enrich service, once it is known"),
    Field("oversight.model.version", "keyword", "first 12 hex digits of its artifact's SHA-256"),
    Field("watcher.id", "keyword", "this run; also the document's _id"),
    Field("watcher.started", "date", "when it began"),
    Field("watcher.interval_s", "float", "seconds between two heartbeats"),
    Field("watcher.index", "keyword", "data stream, index, list or pattern that it watches"),
    Field("watcher.slice", "keyword", "its part of the work (`--slice`); absent: all of it"),
    Field("watcher.slices", "long", "pages that it works on at the same time"),
    Field("watcher.state", "keyword", "working, idle, waiting or stopped"),
    Field("watcher.waiting_for", "keyword", "error code, while it waits for a server to recover"),
    Field("watcher.trouble", "keyword", "that error, or why it ended, in one line"),
    Field("watcher.breaker", "keyword", "closed, open or half_open: whether requests go to the enrich service"),
    Field("watcher.documents.enriched", "long", "documents given a prediction since the start"),
    Field("watcher.documents.failed", "long", "documents that the enrich service refused"),
    Field("watcher.documents.conflict", "long", "documents that someone else changed meanwhile"),
    Field("watcher.documents.gone", "long", "documents that someone deleted meanwhile"),
    Field("watcher.documents.rejected", "long", "documents whose update is refused or would do damage"),
    Field("watcher.documents.deferred", "long", "documents postponed because of a server error"),
    Field("watcher.batches", "long", "batches written"),
    Field("watcher.rate_per_s", "float", "documents enriched or failed a second, over the last minute"),
    Field("watcher.page_size", "long", "current number of documents per request"),
    Field("watcher.pending", "long", "documents pending in the whole index when it last looked"),
    Field("watcher.oldest_pending_s", "float", "seconds since the arrival of the oldest of them; absent: none"),
    Field("watcher.last_batch", "date", "when it last wrote a batch"),
    Field("watcher.parked", "long", "documents that it has set aside for now"),
    Field("watcher.parked_indices", "keyword", "indices that it has set aside for now"),
)


def heartbeat_index(namespace: str) -> str:
    """Name of the index with an installation's heartbeats."""
    return f"{INDEX_PREFIX}{namespace}"


def heartbeat_body() -> dict[str, Any]:
    """The body that creates this index."""
    return {
        "settings": {"index": {"number_of_shards": 1, "auto_expand_replicas": "0-1", "refresh_interval": "1s"}},
        "mappings": {"dynamic": False, "properties": properties(FIELDS)},
    }
