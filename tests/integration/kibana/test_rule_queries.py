"""The queries of the alert rules, run as Kibana runs them: on data at which they must fire, and must not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from contract.documents.fields import FIELDS, properties, stream_name
from kibana.saved_objects.alert_items import alert_items, item_id
from kibana.saved_objects.alert_rules import alert_rules
from kibana.saved_objects.objects import Names
from tests.artifacts import TURBINE
from tests.kibana_contracts import shipped_contract
from tests.kibana_rules import ALL, firing
from tests.waiting import WAIT_S

SHIPPED = shipped_contract()


def at(minutes_ago: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat()


def verdict(
    minutes_ago: float,
    *,
    severity: int = 0,
    user: str | None = "alice",
    source: str | None = None,
    unknown: bool = False,
    rescored: bool = False,
) -> dict[str, Any]:
    """An enriched document; one with a severity is an alert."""
    prediction = {
        "at": at(minutes_ago),
        "label": "unknown" if unknown else ("neptune" if severity else "normal"),
        "closest": "neptune" if severity else "normal",
        "unknown": unknown,
    }
    return {
        "@timestamp": at(minutes_ago + 600),
        "event": {"kind": "alert" if severity else "event", "severity": severity, "ingested": at(minutes_ago)},
        **({} if user is None else {"user": {"id": user}}),
        **({} if source is None else {"source": {"ip": source}}),
        "oversight": {"status": "enriched", "prediction": prediction | ({"rescored": True} if rescored else {})},
    }


def pending(minutes_ago: float) -> dict[str, Any]:
    return {"@timestamp": at(0), "event": {"ingested": at(minutes_ago)}, "oversight": {"status": "pending"}}


def given_back(minutes_ago: float) -> dict[str, Any]:
    """A document that `oversight rescore` gave back to the watcher; it still has its old verdict."""
    document = verdict(minutes_ago)
    document["oversight"]["status"] = "pending"
    return document


def failed(minutes_ago: float, kind: str = "pipeline_error") -> dict[str, Any]:
    event = {"ingested": at(minutes_ago), "kind": kind}
    return {"@timestamp": at(0), "event": event, "oversight": {"status": "failed"}}


def forged(minutes_ago: float, number: int) -> dict[str, Any]:
    """An alert of a flood of one target, with a source of its own."""
    document = verdict(minutes_ago, severity=73, source=f"10.7.{number // 250}.{number % 250}")
    document["oversight"]["prediction"]["family"] = "dos"
    return {**document, "destination": {"ip": "10.0.0.9"}}


Documents = Callable[[], list[dict[str, Any]]]
"""Built when the case runs, because their times are relative to now."""
Case = tuple[str, str, Documents, dict[str, float]]
CASES: list[Case] = [
    (
        "severe-attack",
        "a flood is one alert",
        lambda: [verdict(1, severity=73, source="10.0.0.7") for _ in range(190)],
        {"10.0.0.7": 190},
    ),
    (
        "severe-attack-of-a-target",
        "a flood with forged sources is one alert",
        lambda: [forged(1, number) for number in range(300)],
        {"10.0.0.9": 300},
    ),
    ("severe-attack-of-a-target", "no flood", lambda: [verdict(1, severity=73, source="10.0.0.7")], {}),
    ("severe-attack", "a flood with forged sources", lambda: [forged(1, number) for number in range(300)], {}),
    (
        "severe-attack",
        "two addresses of one user",
        lambda: [verdict(4, severity=99, source="10.0.0.7"), verdict(1, severity=99, source="fd00::7")],
        {"10.0.0.7": 1, "fd00::7": 1},
    ),
    ("severe-attack", "medium only", lambda: [verdict(1, severity=47, source="10.0.0.7")], {}),
    ("severe-attack", "written late", lambda: [verdict(50, severity=99, source="10.0.0.7")], {"10.0.0.7": 1}),
    ("severe-attack", "too old", lambda: [verdict(61, severity=99, source="10.0.0.7")], {}),
    ("severe-attack", "rescored", lambda: [verdict(1, severity=99, source="10.0.0.7", rescored=True)], {}),
    ("severe-attack", "without an address", lambda: [verdict(1, severity=99)], {}),
    (
        "severe-attack",
        "suppressed",
        lambda: [verdict(1, severity=99, source="10.0.0.7") | {"event": {"kind": "event", "severity": 99}}],
        {},
    ),
    ("severe-attack-of-a-user", "high", lambda: [verdict(1, severity=73), verdict(2)], {"alice": 1}),
    ("severe-attack-of-a-user", "from an address", lambda: [verdict(1, severity=73, source="10.0.0.7")], {}),
    ("severe-attack-of-a-user", "of nobody", lambda: [verdict(1, severity=73, user=None)], {}),
    ("severe-attack-of-nobody", "high", lambda: [verdict(1, severity=73, user=None), verdict(2, user=None)], {ALL: 1}),
    (
        "severe-attack-of-nobody",
        "of someone",
        lambda: [verdict(1, severity=99), verdict(1, severity=99, user=None, source="10.0.0.7")],
        {},
    ),
    (
        "many-alerts-of-a-user",
        "one of two users",
        lambda: [verdict(1, severity=47) for _ in range(21)] + [verdict(1, severity=47, user="bob") for _ in range(20)],
        {"alice": 21},
    ),
    ("many-alerts-of-a-user", "spread over time", lambda: [verdict(each, severity=47) for each in range(1, 40)], {}),
    ("many-alerts-of-a-user", "rescored", lambda: [verdict(1, severity=47, rescored=True) for _ in range(30)], {}),
    ("many-alerts-of-a-user", "harmless", lambda: [verdict(1) for _ in range(30)], {}),
    ("watcher-behind", "an old one", lambda: [pending(6), pending(1)], {ALL: 1}),
    ("watcher-behind", "new ones only", lambda: [pending(1), pending(4)], {}),
    ("watcher-behind", "given back by rescore", lambda: [given_back(300)], {}),
    ("watcher-behind", "all enriched", lambda: [verdict(30), failed(30)], {}),
    ("parse-failures-rising", "many", lambda: [failed(each / 2) for each in range(21)], {ALL: 21}),
    ("parse-failures-rising", "few", lambda: [failed(each / 2) for each in range(20)], {}),
    ("parse-failures-rising", "refused by the endpoint", lambda: [failed(1, "event") for _ in range(30)], {}),
]
UNKNOWN_CASES: list[Case] = [
    ("unknowns-rising", "a fifth", lambda: [verdict(10 * each, unknown=each == 0) for each in range(5)], {ALL: 0.2}),
    ("unknowns-rising", "a tenth", lambda: [verdict(5 * each, unknown=each == 0) for each in range(10)], {}),
    ("unknowns-rising", "attacks are no part", lambda: [verdict(1, severity=73, unknown=True), verdict(1)], {}),
    ("unknowns-rising", "nothing at all", list, {}),
]
OPENSEARCH = pytest.param("opensearch", marks=pytest.mark.opensearch)
ELASTICSEARCH = pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)


def ids(cases: list[Case]) -> list[str]:
    return [f"{rule}: {case}" for rule, case, _, _ in cases]


@pytest.fixture(scope="module", params=["embedded", OPENSEARCH, ELASTICSEARCH])
def engine(request: pytest.FixtureRequest) -> Iterator[Elasticsearch]:
    """Each engine in turn, with the mappings of our stream in an index of its name, which is emptied for each case."""
    with Elasticsearch(request.getfixturevalue(f"{request.param}_url"), request_timeout=WAIT_S) as es:
        yield es


@pytest.fixture(scope="module")
def installation(engine: Elasticsearch) -> Iterator[str]:
    """A namespace with a plain index instead of a stream."""
    namespace = f"rules{datetime.now(UTC).strftime('%H%M%S%f')}"
    index = stream_name(namespace)
    body: dict[str, Any] = {
        "settings": {"index": {"number_of_replicas": 0}},
        "mappings": {"dynamic": False, "properties": properties(FIELDS)},
    }
    engine.indices.create(index=index, **body)
    yield namespace
    engine.indices.delete(index=index)


def fired(es: Elasticsearch, namespace: str, rule: str, documents: Documents) -> dict[str, float]:
    """The groups for which a rule fires if the index holds only these documents."""
    index = stream_name(namespace)
    before = es.search(index=index, size=1_000, source=False)["hits"][
        "hits"
    ]  # this Elasticsearch has no _delete_by_query
    lines: list[dict[str, Any]] = [{"delete": {"_id": hit["_id"]}} for hit in before]
    for document in documents():
        lines += [{"index": {}}, document]
    if lines:
        es.bulk(index=index, operations=lines, refresh=True)
    names = Names(namespace)
    items = {item.id: item for item in alert_items(SHIPPED, names)}
    return firing(es, items[item_id(names, "rule", rule)].body["params"])


@pytest.mark.parametrize(("rule", "case", "documents", "expected"), CASES, ids=ids(CASES))
def test_a_rule_fires_where_it_must_and_nowhere_else(
    engine: Elasticsearch,
    installation: str,
    rule: str,
    case: str,
    documents: Documents,
    expected: dict[str, float],
) -> None:
    assert fired(engine, installation, rule, documents) == expected


@pytest.mark.parametrize("engine", [OPENSEARCH, ELASTICSEARCH], indirect=True)
@pytest.mark.parametrize(("rule", "case", "documents", "expected"), UNKNOWN_CASES, ids=ids(UNKNOWN_CASES))
def test_unknowns_are_rising_by_their_share(
    engine: Elasticsearch,
    installation: str,
    rule: str,
    case: str,
    documents: Documents,
    expected: dict[str, float],
) -> None:
    """The average of a boolean, which the embedded engine does not support."""
    assert fired(engine, installation, rule, documents) == pytest.approx(expected)


@pytest.mark.parametrize("rule", [rule.id for rule in alert_rules(SHIPPED)])
def test_every_rule_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(rule: str) -> None:
    assert {bool(fires) for name, _, _, fires in (*CASES, *UNKNOWN_CASES) if name == rule} == {True, False}


def test_rescored_documents_fire_where_they_are_asked_for() -> None:
    names = Names("nowhere")
    (params,) = (
        item.body["params"]
        for item in alert_items(SHIPPED, names, rescored=True)
        if item.id == item_id(names, "rule", "severe-attack")
    )
    assert "rescored" not in params["esQuery"]


def test_a_model_without_novelty_has_no_rule_for_unknowns() -> None:
    names = Names()
    plain = dataclasses.replace(TURBINE, novelty_threshold=None)
    made = {item.id for item in alert_items(plain, names)}
    every = {item.id for item in alert_items(TURBINE, names)}
    assert every - made == {item_id(names, "rule", "unknowns-rising")}
    assert not made - every
