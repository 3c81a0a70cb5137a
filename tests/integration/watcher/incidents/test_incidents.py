"""Incidents of generated alerts, on every engine, compared with a plain implementation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from contract.errors import InputError
from tests.conftest import ENGINES
from tests.integration.watcher.incidents.alerts import (
    HOUR_MS,
    START_MS,
    Document,
    alert,
    expected,
    incidents_of,
    some_alerts,
    stored,
)
from watcher.incidents.events import events_of, find
from watcher.incidents.incident import Incident
from watcher.incidents.page import Span, page
from watcher.incidents.rules import MINUTE_MS, Rules

RULES = Rules(targets=frozenset({"dos"}))
DAY = Span(START_MS, START_MS + 24 * HOUR_MS)


@pytest.fixture(params=ENGINES, scope="module")
def some(request: pytest.FixtureRequest) -> Iterator[tuple[Elasticsearch, str, list[Document]]]:
    """Generated alerts on each engine."""
    documents = some_alerts(seed=1, n=150 if request.param == "embedded" else 1_500)
    with stored(request.getfixturevalue(f"{request.param}_url"), documents) as (es, index):
        yield es, index, documents


def as_expected(incident: Incident) -> tuple[str, str, str, int, int, int, float]:
    """Return an incident as the plain implementation does."""
    one = incident
    return one.key_field, one.key, one.family, one.first_ms, one.last_ms, one.events, round(one.risk, 1)


@pytest.mark.parametrize("gap_min", [1, 15, 240])
def test_incidents_are_those_of_a_plain_implementation(
    some: tuple[Elasticsearch, str, list[Document]], gap_min: int
) -> None:
    """Key, family, first, last, number of alerts and risk; worst first."""
    es, index, documents = some
    rules = Rules(targets=RULES.targets, gap_ms=gap_min * MINUTE_MS)
    found = incidents_of(es, index, rules, DAY)
    assert {as_expected(one) for one in found} == expected(documents, rules)
    assert len(found) == len({one.id for one in found})
    risks = [one.risk for one in page(es, index, rules, DAY).incidents]
    assert risks == sorted(risks, reverse=True)


def test_an_id_means_exactly_its_alerts(some: tuple[Elasticsearch, str, list[Document]]) -> None:
    """`events_of` matches as many alerts as the incident has, by any moment of it; keys hold any text."""
    es, index, _ = some
    incidents = incidents_of(es, index, RULES, DAY)
    fields = {one.key_field: one for one in incidents}
    assert set(fields) == {"destination.ip", "source.ip", "user.id", "host.name", "observer.name", ""}
    users = {one.key: one for one in incidents if one.key_field == "user.id"}
    assert len(users) == 5
    for one in (*fields.values(), *users.values()):
        assert es.count(index=index, query=events_of(es, index, RULES, one.id))["count"] == one.events
        middle = one.id.replace(one.id.rsplit("/", 1)[1], str((one.first_ms + one.last_ms) // 2))
        assert find(es, index, RULES, middle).id(RULES) == one.id


def test_every_alert_is_in_one_incident(some: tuple[Elasticsearch, str, list[Document]]) -> None:
    """The numbers of alerts add up, and so do verdicts and labels."""
    es, index, documents = some
    incidents = incidents_of(es, index, RULES, DAY)
    assert sum(one.events for one in incidents) == len(documents)
    assert all(one.verdicts.open == one.events for one in incidents)
    assert all(sum(label.events for label in one.labels) == one.events for one in incidents)
    floods = [one for one in incidents if one.by == "target"]
    assert floods
    assert all(one.family == "dos" and one.other_side.n_addresses >= len(one.other_side.addresses) for one in floods)


@pytest.mark.parametrize(
    ("incident_id", "says"),
    [
        ("connection/source.ip=10.0.0.1/probe/2020-01-31T08:00:00.000Z", "no incident"),
        ("connection/source.ip=10.0.0.250/probe/2026-01-31T08:00:00.000Z", "no incident"),
        ("connection/user.id=x~0123456789abcdef0123456789abcdef/probe/2026-01-31T08:00:00.000Z", "no incident"),
        ("river/source.ip=10.0.0.1/probe/2026-01-31T08:00:00.000Z", "--dataset river"),
    ],
)
def test_an_unknown_incident_is_an_error(
    some: tuple[Elasticsearch, str, list[Document]], incident_id: str, says: str
) -> None:
    """The message says what is wrong."""
    es, index, _ = some
    with pytest.raises(InputError, match=says):
        events_of(es, index, RULES, incident_id)


def test_edges_are_followed_one_gap_further(opensearch_url: str) -> None:
    """An incident that begins before the range, or ends after it, keeps its first and last alert."""
    times = [START_MS + minute * MINUTE_MS for minute in (-10, 0, 10, 20, 50)]
    with stored(opensearch_url, [alert(at, source={"ip": "10.0.0.1"}) for at in times]) as (es, index):
        found = page(es, index, RULES, Span(START_MS - 5 * MINUTE_MS, START_MS + 15 * MINUTE_MS)).incidents
        assert [(one.first_ms, one.last_ms, one.events) for one in found] == [(times[0], times[3], 4)]


def test_a_long_incident_is_found_whole(opensearch_url: str) -> None:
    """It is longer than what one search covers."""
    times = [START_MS + at * MINUTE_MS for at in range(9_000)]
    rules = Rules(gap_ms=MINUTE_MS)
    with stored(opensearch_url, [alert(at, source={"ip": "10.0.0.1"}) for at in times]) as (es, index):
        found = find(es, index, rules, f"connection/source.ip=10.0.0.1/probe/{times[5_000]}")
        assert (found.session.first_ms, found.session.last_ms, found.session.events) == (times[0], times[-1], 9_000)
        assert [as_expected(one) for one in page(es, index, rules, Span(times[0], times[-1] + 1)).incidents] == [
            ("source.ip", "10.0.0.1", "probe", times[0], times[-1], 9_000, 40.0)
        ]


def test_a_missing_index_has_no_incidents(opensearch_url: str) -> None:
    """As a stream that nobody provisioned yet."""
    with Elasticsearch(opensearch_url) as es:
        found = page(es, "logs-oversight.connection-nobody", RULES, DAY)
        assert (found.incidents, found.after) == ((), None)
