"""Say that a watcher lives, and read who does.

    Facts ──▶ document ──▶ index, over the one before ──▶ read_heartbeats() ──▶ `oversight status`

A heartbeat is never worth a stop: what goes wrong here is said once, and the work goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
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
"""Heartbeats that are read, the newest; those of old runs stay in the index until somebody deletes it."""
WRITE_TIMEOUT_S = 3.0
"""A heartbeat that takes longer is given up: the last one must not hold up the end."""
KEPT_DAYS = 7
"""Age from which a new watcher forgets the heartbeats of earlier ones."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a watcher last said of itself."""

    id: str
    host: str
    pid: int
    index: str
    slice: str | None
    """Its part of the work, `2/3`; None: all of it."""
    state: str
    waiting_for: str | None
    trouble: str | None
    breaker: str
    started: str
    last_seen: str
    last_batch: str | None
    age_s: float
    alive: bool
    """Younger than three intervals, and not stopped."""
    rate_per_s: float
    pending: int | None
    oldest_pending_s: float | None
    parked: int
    parked_indices: tuple[str, ...]
    batches: int
    documents: Mapping[str, int] = field(default_factory=dict)
    """By outcome, since its start."""
    model_id: str | None = None
    model_version: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def read_heartbeats(es: Elasticsearch, namespace: str, *, now: datetime | None = None) -> list[Heartbeat]:
    """The watchers of an installation, newest heartbeat first; empty where none ever wrote one.

    Raises:
        EngineUnavailableError: the engine does not answer, or refuses.
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
    """Writes the heartbeats of one watcher; creates the index with its mapping where it is not there.

    Args:
        es: the cluster.
        namespace: the installation.
        watcher_id: id of this run.
    """

    def __init__(self, es: Elasticsearch, namespace: str, watcher_id: str) -> None:
        self._es = without_retries(es, within_s=WRITE_TIMEOUT_S)
        self._index, self._id = heartbeat_index(namespace), watcher_id
        self._created = self._said = False

    def write(self, document: Mapping[str, Any]) -> bool:
        """Write one heartbeat. Returns whether it is stored; never raises."""
        try:
            if not self._created:
                self._create()
                self._created = True
            self._es.index(index=self._index, id=self._id, document=document)
        except NotFoundError:  # deleted meanwhile, where nothing is made by itself
            self._created = False
            return False
        except (ApiError, TransportError, UnsupportedProductError) as error:
            self._say(error)
            return False
        self._said = False
        return True

    def forget_old(self) -> None:
        """Delete what watchers wrote that ended long ago; best effort."""
        old = {"range": {"@timestamp": {"lt": f"now-{KEPT_DAYS}d"}}}
        try:
            hits = self._es.search(index=self._index, query=old, size=MAX_READ, source=False)["hits"]["hits"]
            if hits:
                self._es.bulk(operations=[{"delete": {"_index": self._index, "_id": hit["_id"]}} for hit in hits])
        except (ApiError, TransportError, UnsupportedProductError) as error:
            log.debug("could not delete old heartbeats from %s: %s", self._index, type(error).__name__)

    def _create(self) -> None:
        """Make the index with its mapping. Where that is forbidden it may be there already, and the write shows it."""
        try:
            self._es.indices.create(index=self._index, **heartbeat_body())
        except ApiError as error:
            there = error.meta.status == 400 and "already_exists" in str(error.body)
            if not there and error.meta.status not in (401, 403):
                raise

    def _say(self, error: Exception) -> None:
        """One line when it begins to fail; the next after it worked in between."""
        if self._said:
            return
        self._said = True
        status = error.meta.status if isinstance(error, ApiError) else None
        if isinstance(error, ApiError) and status == 401:
            log.warning(
                "no heartbeat in %s: Elasticsearch %s; predictions continue",
                self._index,
                credentials(error.body),
                extra={"event.action": "heartbeat", "event.outcome": "failure"},
            )
            return
        if status == 403:
            log.warning(
                "no heartbeat: Elasticsearch refuses to write to %s (%s); give the watcher's key or role the index "
                "privileges create_index, index and read on %r, or set OVERSIGHT_WATCH_HEARTBEAT_S=0; "
                "predictions continue",
                self._index,
                status,
                f"{self._index}*",
                extra={"event.action": "heartbeat", "event.outcome": "failure"},
            )
            return
        log.warning(
            "no heartbeat: Elasticsearch does not store it in %s (%s); trying again at the next one, "
            "predictions continue",
            self._index,
            status or type(error).__name__,
            extra={"event.action": "heartbeat", "event.outcome": "failure"},
        )


def _heartbeat(source: Mapping[str, Any], now: datetime) -> Heartbeat | None:
    """A stored heartbeat; None for a document that is none."""
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
