"""The documents that alert rules write: filled in as Kibana does, and stored in an index with the alerts' mapping.

A rule's search ──▶ hits of each group ──▶ Mustache (an engine's; Kibana's is Mustache too) ──▶ alerts index
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from contract.documents.alerts import alerts_body, alerts_index
from contract.documents.fields import FIELDS, properties, stream_name
from kibana.saved_objects.alert_items import SOURCE_FIELDS, AlertItem, alert_items, item_id
from kibana.saved_objects.objects import Names
from tests.kibana_contracts import shipped_contract
from tests.kibana_rules import alerts
from tests.waiting import WAIT_S

pytestmark = pytest.mark.opensearch
NOW = datetime.now(UTC).isoformat()
FLOOD: dict[str, Any] = {
    "@timestamp": NOW,
    "event": {"kind": "alert", "severity": 73, "risk_score": 71.5},
    "user": {"id": 'al"ice\n'},
    "source": {"ip": "10.0.0.7"},
    "destination": {"ip": "10.0.0.9"},
    "oversight": {
        "status": "enriched",
        "prediction": {"at": NOW, "label": "neptune", "family": "dos", "reasons": ["a is 1, usual 2", "b is 3"]},
    },
}
NOBODY: dict[str, Any] = {
    "@timestamp": NOW,
    "event": {"kind": "alert", "severity": 99},
    "oversight": {"status": "enriched", "prediction": {"at": NOW, "label": "buffer_overflow", "reasons": "one"}},
}


@pytest.fixture(scope="module")
def engine(opensearch_url: str) -> Iterator[Elasticsearch]:
    """The engine that has Mustache."""
    with Elasticsearch(opensearch_url, request_timeout=WAIT_S) as es:
        yield es


@pytest.fixture(scope="module")
def names(engine: Elasticsearch) -> Iterator[Names]:
    """An installation with a flood of one address, and one event of nobody."""
    names = Names(f"alerts{datetime.now(UTC).strftime('%H%M%S%f')}")
    events, found = stream_name(names.namespace), alerts_index(names.namespace)
    engine.indices.create(index=events, mappings={"dynamic": False, "properties": properties(FIELDS)})
    engine.indices.create(index=found, **alerts_body())
    lines = [line for number in range(190) for line in ({"create": {"_id": f"flood{number}"}}, FLOOD)]
    engine.bulk(index=events, operations=[*lines, {"create": {"_id": "alone"}}, NOBODY], refresh=True)
    yield names
    engine.indices.delete(index=[events, found])


def rule_of(names: Names, rule: str) -> AlertItem:
    items = {item.id: item for item in alert_items(shipped_contract(), names)}
    return items[item_id(names, "rule", rule)]


def rendered(es: Elasticsearch, value: Any, variables: Mapping[str, Any]) -> Any:
    """The value with every text filled in, as Kibana's index connector does."""
    if isinstance(value, Mapping):
        return {name: rendered(es, part, variables) for name, part in value.items()}
    if not isinstance(value, str):
        return value
    body = {"source": json.dumps({"text": value}), "params": dict(variables)}
    headers = {"accept": "application/json", "content-type": "application/json"}
    answer = es.perform_request("POST", "/_render/template", body=body, headers=headers)
    return answer["template_output"]["text"]


def written(es: Elasticsearch, names: Names, rule: str) -> list[dict[str, Any]]:
    """The documents that a rule's first action stores, as the engine gives them back by their mapping."""
    item, index = rule_of(names, rule), alerts_index(names.namespace)
    (template,) = item.body["actions"][0]["params"]["documents"]
    found = []
    for group, (value, hits) in alerts(es, item.body["params"]).items():
        variables = {
            "rule": {"id": item.id, "name": item.title},
            "alert": {"id": group, "uuid": "1", "actionGroup": "query matched"},
            "context": {"value": value, "link": "https://kibana.example/", "hits": hits},
        }
        stored = es.index(index=index, document=rendered(es, template, variables), refresh=True)
        fields = [{"field": "*"}]
        hit = es.search(index=index, query={"ids": {"values": [stored["_id"]]}}, fields=fields)["hits"]["hits"][0]
        found.append({name: values for name, values in hit["fields"].items() if values != [""]})
    return found


def test_a_flood_of_one_address_is_one_alert_that_says_what_it_is(engine: Elasticsearch, names: Names) -> None:
    """Who, what, how bad, why, and which events: a count and a link would be a riddle."""
    (alert,) = written(engine, names, "severe-attack-of-a-target")
    ids = alert.pop("oversight.alert.events")[0].split()
    assert len(ids) == 3
    assert all(each.startswith("flood") for each in ids)
    expected: dict[str, list[Any]] = {
        "oversight.alert.count": [190],
        "source.ip": ["10.0.0.7"],
        "destination.ip": ["10.0.0.9"],
        "user.id": ['al"ice\n'],
        "oversight.prediction.label": ["neptune"],
        "oversight.prediction.family": ["dos"],
        "event.severity": [73],
        "event.risk_score": [71.5],
        "oversight.prediction.reasons": ["a is 1, usual 2; b is 3; "],
    }
    assert {name: alert.get(name) for name in expected} == expected


def test_an_event_that_lacks_facts_gives_an_alert_without_them(engine: Elasticsearch, names: Names) -> None:
    """Kibana fills in an empty text, which the mapping of numbers and addresses must not refuse."""
    (alert,) = written(engine, names, "severe-attack-of-nobody")
    assert alert["oversight.alert.events"] == ["alone "]
    assert alert["event.severity"] == [99]
    assert alert["oversight.prediction.reasons"] == ["one; "]
    assert not {"source.ip", "destination.ip", "user.id", "event.risk_score"} & set(alert)


def test_kibanas_own_alerts_have_who_and_what_too() -> None:
    """In fields of ECS, of which a rule may name five."""
    rules = {
        item.title: item.body["params"] for item in alert_items(shipped_contract(), Names()) if item.kind == "rule"
    }
    taken = {title: [each["label"] for each in params.get("sourceFields", ())] for title, params in rules.items()}
    assert taken["Oversight: Attack of high severity"] == list(SOURCE_FIELDS)
    assert taken["Oversight: Watcher behind"] == []
    assert all(len(fields) <= 5 for fields in taken.values())
    assert set(SOURCE_FIELDS) <= {field.name for field in FIELDS}


def test_a_recovered_alert_claims_no_figure() -> None:
    """Kibana measures 0 for a recovered alert of a rule without groups, whatever the value is."""
    lasting = [item for item in alert_items(shipped_contract(), Names()) if item.kind == "rule"]
    recovered = [
        action["params"]["documents"][0]
        for item in lasting
        for action in item.body["actions"]
        if action["group"] == "recovered"
    ]
    assert len(recovered) == 7
    for document in recovered:
        assert document["event"]["reason"] == "{{rule.name}}: recovered"
        assert set(document["oversight"]["alert"]) == {"threshold"}
        assert "context.value" not in json.dumps(document)
