"""The document that an alert rule writes when it fires: one for each alert, through the rule's index connector.

    rule in Kibana or in the console ──▶ oversight-alerts-<namespace>, one document an alert ──▶ people, other tools

The names are those of ECS where it has them. `oversight.prediction.*` means the same as in the events that the rule
found.
"""

from __future__ import annotations

from typing import Any

from contract.documents.fields import Field, properties

INDEX_PREFIX = "oversight-alerts-"
DATASET = "oversight.alert"

FIELDS: tuple[Field, ...] = (
    Field("@timestamp", "date", "when the rule fired"),
    Field("ecs.version", "keyword", "version of the Elastic Common Schema that the document follows"),
    Field("event.id", "keyword", "the alert's own id, the same while the alert lasts"),
    Field("event.kind", "keyword", "alert"),
    Field("event.module", "keyword", "oversight"),
    Field("event.dataset", "keyword", "oversight.alert"),
    Field("event.action", "keyword", "why the rule wrote this: it fired, or the alert recovered"),
    Field("event.reason", "keyword", "what was found, in words"),
    Field("event.severity", "long", "severity of the event that the alert shows as an example"),
    Field("event.risk_score", "float", "its risk score"),
    Field("event.url", "keyword", "where to look at it"),
    Field("rule.id", "keyword", "id of the rule"),
    Field("rule.name", "keyword", "name of the rule"),
    Field("rule.category", "keyword", "family of the label"),
    Field("rule.ruleset", "keyword", "oversight"),
    Field("user.id", "keyword", "whose events they are"),
    Field("host.name", "keyword", "the machine that they are about"),
    Field("source.ip", "ip", "the machine that they come from"),
    Field("destination.ip", "ip", "the machine that they lead to"),
    Field("oversight.prediction.label", "keyword", "the verdict of the example"),
    Field("oversight.prediction.family", "keyword", "its family"),
    Field("oversight.prediction.reasons", "keyword", "its reasons, each followed by a semicolon"),
    Field("oversight.alert.count", "long", "events behind the alert"),
    Field("oversight.alert.events", "keyword", "ids of some of them, separated by spaces"),
    Field("oversight.alert.value", "float", "what the rule measured, if it is not a number of events"),
    Field("oversight.alert.threshold", "float", "the rule fires above this"),
)


def alerts_index(namespace: str) -> str:
    """Name of the index with an installation's alerts."""
    return f"{INDEX_PREFIX}{namespace}"


def alerts_body() -> dict[str, Any]:
    """The body that creates this index."""
    return {
        "settings": {"index": {"number_of_shards": 1, "auto_expand_replicas": "0-1"}},
        "mappings": {"dynamic": False, "properties": properties(FIELDS)},
    }
