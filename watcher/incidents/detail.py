"""One incident with everything that an analyst asks about it.

id ──▶ the incident ──┬─▶ timeline, distinct reasons, events      of its own alerts
                      └─▶ what else the machine did               an hour before to an hour after
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.fields import PREDICTED_LABEL
from contract.kdd99.attacks import meaning_of
from watcher.incidents.columns import VERDICT, with_details
from watcher.incidents.events import find
from watcher.incidents.incident import Counted, Incident
from watcher.incidents.rules import RISK, SEVERITY, TIME, Query, Rules, all_of, has_key, none_of, within
from watcher.incidents.searching import Answer, body, buckets_of
from watcher.incidents.sessions import Bare
from watcher.incidents.times import Edges, search_with_times, time_of

HOUR_MS = 3_600_000
BARS = 60
"""Most bars of the timeline."""
REASONS, OTHERS, EVENTS = 30, 20, 100
REASON_FIELD = "oversight.prediction.reasons"
NO_VERDICT = "(no verdict)"
SHOWN = (SEVERITY, RISK, PREDICTED_LABEL, "user.id", "source.ip", "destination.ip", "network.protocol", VERDICT)
"""What is read of each event, from doc values: a raw line of a megabyte stays in the index."""
WIDTHS_MS = tuple(
    seconds * 1_000 for seconds in (1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 86_400, 604_800)
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a label means."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """The alerts of one part of the timeline."""

    start_ms: int
    events: int
    risk: float


@dataclass(frozen=True, slots=True)
class Activity:
    """What else the machine did: its documents with one label."""

    label: str
    events: int
    alerts: int
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Event:
    """One alert of the incident."""

    index: str
    id: str
    at_ms: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Detail:
    """An incident with its timeline, reasons, events and surroundings."""

    incident: Incident
    meanings: tuple[Meaning, ...]
    bar_ms: int
    """Width of a bar of the timeline."""
    timeline: tuple[Bar, ...]
    reasons: tuple[Counted, ...]
    events: tuple[Event, ...]
    """The first ones, in the order of their times."""
    around: tuple[Activity, ...] | None
    """Everything else of this machine from an hour before to an hour after; None if the alerts name no machine."""


def detail(es: Elasticsearch, index: str, rules: Rules, incident_id: str) -> Detail:
    """Return one incident with its details.

    Args:
        es: the cluster.
        index: where the documents are.
        rules: how alerts form incidents.
        incident_id: the id; any moment of the incident will do.
    Raises:
        InputError: the text is no id, or no incident holds that moment.
        EngineUnavailableError: Elasticsearch does not answer.
    """
    found = find(es, index, rules, incident_id)
    session = found.session
    (incident,) = with_details(es, index, rules, [found])
    width = next((w for w in WIDTHS_MS if session.last_ms - session.first_ms < BARS * w), None)
    width = width or (session.last_ms - session.first_ms) // BARS + 1
    own, around = search_with_times(es, index, lambda edges: [_own(rules, found, width), _around(rules, found, edges)])
    return Detail(
        incident,
        tuple(_meanings(incident)),
        width,
        tuple(
            Bar(int(bucket["key"]), bucket["doc_count"], bucket["risk"]["value"] or 0.0)
            for bucket in buckets_of(own, "timeline")
        ),
        tuple(Counted(str(bucket["key"]), bucket["doc_count"]) for bucket in buckets_of(own, "reasons")),
        tuple(_event(hit) for hit in own["hits"]["hits"]),
        tuple(_activities(around)) if found.level.field else None,
    )


def _meanings(incident: Incident) -> Sequence[Meaning]:
    texts = [(label.value, meaning_of(incident.family, label.value)) for label in incident.labels]
    return [Meaning(label, text) for label, text in texts if text is not None]


def _own(rules: Rules, found: Bare, width_ms: int) -> dict[str, Any]:
    aggs = {
        "timeline": {
            "date_histogram": {"field": TIME, "fixed_interval": f"{width_ms}ms", "min_doc_count": 1},
            "aggs": {"risk": {"max": {"field": RISK}}},
        },
        "reasons": {"terms": {"field": REASON_FIELD, "size": REASONS}},
    }
    time = {"field": TIME, "format": "epoch_millis"}
    return body(
        found.filters(rules), aggs, size=EVENTS, sort=[{TIME: "asc"}], _source=False, docvalue_fields=[time, *SHOWN]
    )


def _around(rules: Rules, found: Bare, edges: Edges) -> dict[str, Any]:
    session = found.session
    filters: list[Query] = [
        *has_key(found.level.field, found.key),
        within(session.first_ms - HOUR_MS, session.last_ms + HOUR_MS + 1),
        none_of(all_of(found.filters(rules))),
    ]
    labels = {"field": PREDICTED_LABEL, "size": OTHERS}
    inner = {
        "alerts": {"filter": {"term": {"event.kind": "alert"}}},
        **edges,
    }
    without = {"missing": {"field": PREDICTED_LABEL}, "aggs": inner}
    aggs = {"labels": {"terms": labels, "aggs": inner}, "without": without}
    return body(filters if found.level.field else [{"match_none": {}}], aggs)


def _activities(around: Answer) -> Iterator[Activity]:
    for bucket in buckets_of(around, "labels"):
        yield _activity(str(bucket["key"]), bucket)
    without = (around.get("aggregations") or {}).get("without") or {}
    if without.get("doc_count"):
        yield _activity(NO_VERDICT, without)


def _activity(label: str, bucket: Answer) -> Activity:
    return Activity(
        label,
        bucket["doc_count"],
        bucket["alerts"]["doc_count"],
        time_of(bucket["first"]),
        time_of(bucket["last"]),
    )


def _event(hit: Answer) -> Event:
    fields = hit.get("fields") or {}
    shown = {name: values[0] for name in SHOWN if (values := fields.get(name))}
    return Event(hit["_index"], hit["_id"], int((fields.get(TIME) or [0])[0]), shown)
