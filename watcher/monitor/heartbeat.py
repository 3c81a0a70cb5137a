"""Writes a watcher's heartbeat, and reads the heartbeats of all watchers.

    Facts ──▶ document ──▶ index, replaces the one before ──▶ read_heartbeats() ──▶ `oversight status`

A heartbeat never stops the work: an error is logged once, and the watcher continues.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch, NotFoundError, UnsupportedProductError

from common.elastic.faults import credentials
from contract.documents.heartbeats import MISSED, STATES, STOPPED, heartbeat_body, heartbeat_index
from contract.documents.paths import lookup
from watcher.elastic_faults import engine_faults, without_retries

log = logging.getLogger(__name__)

MAX_READ = 100
"""Most heartbeats to read, the newest ones."""
WRITE_TIMEOUT_S = 3.0
"""Longest time for one heartbeat, because the last one must not delay the end of the process."""
KEPT_DAYS = 7
"""Age at which a new watcher deletes old heartbeats."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last report of a watcher."""

    id: str
    host: str
    pid: int
    index: str
    slice: str | None
    """Its share of the work, such as `2/3`; None: everything."""
    state: str
    waiting_for: str | None
    trouble: str | None
    breaker: str
    started: str
    last_seen: str
    last_batch: str | None
    age_s: float
    alive: bool
    """The last report is younger than three intervals, and the watcher has not stopped."""
    rate_per_s: float
    pending: int | None
    oldest_pending_s: float | None
    parked: int
    parked_indices: tuple[str, ...]
    batches: int
    documents: Mapping[str, int] = field(default_factory=dict)
    """By outcome, since the start."""
    model_id: str | None = None
    model_version: str | None = None


def read_heartbeats(es: Elasticsearch, namespace: str, *, now: datetime | None = None) -> list[Heartbeat]:
    """Return the watchers of an installation, newest heartbeat first; empty if there are no heartbeats.

    Raises:
        EngineUnavailableError: Elasticsearch does not answer, or refuses.
    """
    index = heartbeat_index(namespace)
    with engine_faults("reading the watchers' heartbeats", index=index):
        try:
            answer = es.search(
                index=index, size=MAX_READ, sort=[{"@timestamp": {"order": "desc", "unmapped_type": "date"}}]
            )
        except NotFoundError:
            return []
    moment = now or datetime.now(UTC)
    found = [_heartbeat(hit.get("_source") or {}, moment) for hit in answer["hits"]["hits"]]
    return [one for one in found if one is not None]


class HeartbeatWriter:
    """Writes the heartbeats of one watcher, and creates the index if it is missing.

    Args:
        es: the cluster.
        namespace: the installation.
        watcher_id: id of this run.
    """

    def __init__(self, es: Elasticsearch, namespace: str, watcher_id: str) -> None:
        self._es = without_retries(es, within_s=WRITE_TIMEOUT_S)
        self._index, self._id = heartbeat_index(namespace), watcher_id
        self._created = self._logged = False

    def write(self, document: Mapping[str, Any]) -> bool:
        """Write one heartbeat. Return whether it is stored; never raises."""
        try:
            if not self._created:
                self._create()
                self._created = True
            self._es.index(index=self._index, id=self._id, document=document)
        except NotFoundError:  # someone deleted the index
            self._created = False
            return False
        except (ApiError, TransportError, UnsupportedProductError) as error:
            self._log_once(error)
            return False
        self._logged = False
        return True

    def forget_old(self) -> None:
        """Delete the heartbeats of watchers that ended long ago; ignores errors."""
        old = {"range": {"@timestamp": {"lt": f"now-{KEPT_DAYS}d"}}}
        try:
            hits = self._es.search(index=self._index, query=old, size=MAX_READ, source=False)["hits"]["hits"]
            if hits:
                self._es.bulk(operations=[{"delete": {"_index": self._index, "_id": hit["_id"]}} for hit in hits])
        except (ApiError, TransportError, UnsupportedProductError) as error:
            log.debug("could not delete old heartbeats from %s: %s", self._index, type(error).__name__)

    def _create(self) -> None:
        """Create the index. If that is forbidden, it may exist already; the write shows that."""
        try:
            self._es.indices.create(index=self._index, **heartbeat_body())
        except ApiError as error:
            exists = error.meta.status == 400 and "already_exists" in str(error.body)
            if not exists and error.meta.status not in (401, 403):
                raise

    def _log_once(self, error: Exception) -> None:
        """Log when writing begins to fail, and again only after it worked in between."""
        if self._logged:
            return
        self._logged = True
        status = error.meta.status if isinstance(error, ApiError) else None
        if isinstance(error, ApiError) and status == 401:
            message = f"no heartbeat in {self._index}: Elasticsearch {credentials(error.body)}; predictions continue"
        elif status == 403:
            message = (
                f"no heartbeat: Elasticsearch refuses to write to {self._index} (403); give the watcher's key or role "
                f"the index privileges create_index, index and read on '{self._index}*', or set "
                "OVERSIGHT_WATCH_HEARTBEAT_S=0; predictions continue"
            )
        else:
            message = (
                f"no heartbeat: Elasticsearch does not store it in {self._index} ({status or type(error).__name__}); "
                "trying again at the next one, predictions continue"
            )
        log.warning("%s", message, extra={"event.action": "heartbeat", "event.outcome": "failure"})


def _heartbeat(source: Mapping[str, Any], now: datetime) -> Heartbeat | None:
    """Parse a stored heartbeat; None if the document is no heartbeat."""
    seen = _moment(lookup(source, "@timestamp"))
    watcher = source.get("watcher")
    if seen is None or not isinstance(watcher, Mapping) or watcher.get("state") not in STATES:
        return None
    age_s = max(0.0, (now - seen).total_seconds())
    alive = watcher["state"] != STOPPED and age_s <= MISSED * float(watcher.get("interval_s") or 10.0)
    return Heartbeat(
        id=str(watcher.get("id")),
        host=str(lookup(source, "host.name", "")),
        pid=int(lookup(source, "process.pid", 0)),
        index=str(watcher.get("index")),
        slice=watcher.get("slice"),
        state=str(watcher["state"]),
        waiting_for=watcher.get("waiting_for"),
        trouble=watcher.get("trouble"),
        breaker=str(watcher.get("breaker")),
        started=str(watcher.get("started")),
        last_seen=str(lookup(source, "@timestamp")),
        last_batch=watcher.get("last_batch"),
        age_s=round(age_s, 3),
        alive=alive,
        rate_per_s=float(watcher.get("rate_per_s") or 0.0),
        pending=watcher.get("pending"),
        oldest_pending_s=watcher.get("oldest_pending_s"),
        parked=int(watcher.get("parked") or 0),
        parked_indices=tuple(watcher.get("parked_indices") or ()),
        batches=int(watcher.get("batches") or 0),
        documents=dict(watcher.get("documents") or {}),
        model_id=lookup(source, "oversight.model.id"),
        model_version=lookup(source, "oversight.model.version"),
    )


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
