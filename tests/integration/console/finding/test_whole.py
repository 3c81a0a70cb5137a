"""From an incident to the page of events and back, on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from console.events import listing
from console.finding.query_line import parse
from console.finding.whole import of_incident
from console.incidents.data import Desk
from console.panels.indices import Indices
from console.panels.searches import Engine
from contract.documents.paths import lookup_text
from tests.conftest import ENGINES
from tests.integration.watcher.incidents.alerts import HOUR_MS, START_MS, Document, incidents_of, some_alerts, stored
from tests.unit.console.panel_samples import NOW_MS, shown
from tests.waiting import WAIT_S
from watcher.incidents.events import find
from watcher.incidents.page import Span
from watcher.incidents.rules import OF_ONE_ALERT, TIME, Rules

RULES = Rules(targets=frozenset({"dos"}))
DAY = Span(START_MS, START_MS + 24 * HOUR_MS)


@pytest.fixture(params=ENGINES, scope="module")
def some(request: pytest.FixtureRequest) -> Iterator[tuple[Elasticsearch, str, list[Document]]]:
    """Generated alerts on each engine."""
    documents = some_alerts(seed=3, n=150)
    with stored(request.getfixturevalue(f"{request.param}_url"), documents) as (es, index):
        yield es, index, documents


def test_the_page_of_events_lists_exactly_the_alerts_of_an_incident(
    some: tuple[Elasticsearch, str, list[Document]],
) -> None:
    """Of every key field, also if the key is hostile; a key that is too long for a query line gives no link."""
    es, index, _ = some
    incidents = incidents_of(es, index, RULES, DAY)
    fields = shown().fields
    keys = {"destination.ip", "source.ip", "user.id", "host.name", "observer.name", ""}
    assert {one.key_field for one in incidents} == keys
    for one in incidents:
        arguments = of_incident(one, RULES, fields)
        if len(one.key) > 1_000:
            assert arguments is None
            continue
        assert arguments is not None
        query = parse(dict(arguments)["q"], fields, now_ms=NOW_MS)
        assert es.count(index=index, query=query)["count"] == one.events, one.id


def test_an_alert_names_the_incident_that_holds_it(some: tuple[Elasticsearch, str, list[Document]]) -> None:
    """By what the engine indexed of it; an event that is no alert names none."""
    es, index, documents = some
    desk = Desk(Engine(lambda: es, str, timeout_s=WAIT_S), Indices("x", index), RULES, {}, shown().fields)
    holds = {one.id: one for one in incidents_of(es, index, RULES, DAY)}
    shown_fields: list[Any] = [{"field": TIME, "format": "epoch_millis"}, *OF_ONE_ALERT]
    found = es.search(index=index, size=len(documents), docvalue_fields=shown_fields)["hits"]["hits"]
    assert len(found) == len(documents)
    for hit in found[:60]:
        incident = desk.of_event(hit)
        assert incident is not None
        whole = holds[find(es, index, RULES, incident["id"]).id(RULES)]
        assert whole.family == lookup_text(hit["_source"], "oversight.prediction.family")
        assert incident["family"] == whole.family
        assert incident["by"] == whole.by
        assert whole.first_ms <= int(hit["fields"][TIME][0]) <= whole.last_ms
        if whole.key_field:
            assert lookup_text(hit["_source"], whole.key_field) == whole.key
    assert desk.of_event({**found[0], "fields": {**found[0]["fields"], "event.kind": ["event"]}}) is None


def test_an_event_of_an_index_with_other_mappings_is_found(some: tuple[Elasticsearch, str, list[Document]]) -> None:
    """An index of others, where the engine cannot read the fields that name the incident: the event opens without."""
    es, index, documents = some
    other = f"{index}-other"
    text = {"properties": {"ip": {"type": "text"}}}
    try:
        es.indices.create(index=other, mappings={"properties": {"@timestamp": {"type": "date"}, "source": text}})
        es.index(index=other, id="1", document={**documents[0], "source": {"ip": "gate 7"}}, refresh=True)
        hit = listing.find(Engine(lambda: es, str, timeout_s=WAIT_S), Indices("x", other), "", "1")
    finally:
        es.options(ignore_status=404).indices.delete(index=other)
    assert hit is not None
    assert hit["_source"]["source"] == {"ip": "gate 7"}
