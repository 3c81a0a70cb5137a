"""Rules and connectors as Kibana's alerting API takes them.

    Rule ──▶ body of a rule of type `.es-query`, with two actions ──┬─▶ index connector: oversight-alerts-<namespace>
                                                                    └─▶ server log
Their ids are UUIDs, because Kibana takes no others for what it encrypts; they are made from the readable name, so that
they are the same each time.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from contract.artifact.contract import ModelContract
from contract.documents.alerts import alerts_index
from contract.documents.fields import ECS_VERSION
from kibana.saved_objects.alert_rules import Rule, alert_rules
from kibana.saved_objects.objects import Names, holds
from kibana.saved_objects.stored import Key, Stored, digest

Kind = Literal["connector", "rule"]
KINDS: tuple[Kind, ...] = ("connector", "rule")
"""In the order in which they are made: a rule names its connectors."""
INDEX_CONNECTOR, LOG_CONNECTOR = "alerts-index", "server-log"
FIRED, RECOVERED = "query matched", "recovered"
MAX_GROUPS = 100
"""Values of a field that a rule takes apart."""
CREATE_ONLY: Mapping[Kind, tuple[str, ...]] = {
    "connector": ("connector_type_id",),
    "rule": ("rule_type_id", "consumer", "enabled"),
}
"""Keys that an update does not take. So a rule that somebody has switched off stays off."""
OF_RULE = (
    "name",
    "rule_type_id",
    "consumer",
    "tags",
    "schedule",
    "params",
    "alert_delay",
    "flapping",
    "artifacts",
    "throttle",
    "notify_when",
)
OF_ACTION = ("id", "group", "params", "frequency", "alerts_filter", "use_alert_data_for_template")
"""What a person sets of a rule and of its actions; an update would take away what it does not say."""


@dataclass(frozen=True, slots=True)
class AlertItem:
    """A connector or a rule."""

    kind: Kind
    id: str
    body: Mapping[str, Any]

    @property
    def key(self) -> Key:
        """Kind and id."""
        return self.kind, self.id

    @property
    def title(self) -> str:
        """Its name."""
        return str(self.body["name"])

    @property
    def digest(self) -> str:
        """Of its content."""
        return digest(self.body)

    def beside(self) -> AlertItem:
        """The same under another id and name; a rule is switched off, or both of them would fire."""
        off = {"enabled": False} if self.kind == "rule" else {}
        body = {**self.body, "name": f"{self.body['name']} (as shipped)", **off}
        return AlertItem(self.kind, stable_uuid(f"{self.id}-as-shipped"), body)

    def is_like(self, found: Stored) -> bool:
        """Whether what is stored holds all that this one says; whether a rule is switched on does not count."""
        return holds(found.content, content_of(self.kind, self.body))

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, with what it is."""
        return {"type": self.kind, "id": self.id, **self.body}


def stable_uuid(name: str) -> str:
    """A UUID that is the same for the same name, marked as version 4: Kibana takes no other."""
    return str(uuid.UUID(bytes=sha256(name.encode()).digest()[:16], version=4))


def content_of(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a person sets of a connector or rule; the rest is the server's, and what is not set is left out."""
    if kind == "connector":
        return {key: body.get(key) for key in ("name", "connector_type_id", "config")}
    actions = [{key: each[key] for key in OF_ACTION if each.get(key)} for each in body.get("actions") or []]
    return {**{key: body[key] for key in OF_RULE if body.get(key)}, "actions": actions}


def alert_items(contract: ModelContract, names: Names, *, rescored: bool = False) -> list[AlertItem]:
    """Both connectors and all rules of one installation in one space."""
    return [
        _connector(
            names,
            INDEX_CONNECTOR,
            ".index",
            {
                "index": alerts_index(names.namespace),
                "refresh": False,
                "executionTimeField": "@timestamp",
            },
        ),
        _connector(names, LOG_CONNECTOR, ".server-log", {}),
        *(_rule(names, rule) for rule in alert_rules(contract, rescored=rescored)),
    ]


def item_id(names: Names, kind: Kind, name: str) -> str:
    """Id of a connector or rule by its readable name."""
    return stable_uuid(names.id(kind, name))


def _connector(names: Names, name: str, kind: str, config: Mapping[str, Any]) -> AlertItem:
    title = names.title({INDEX_CONNECTOR: "Oversight: alerts index", LOG_CONNECTOR: "Oversight: server log"}[name])
    body = {"name": title, "connector_type_id": kind, "config": dict(config), "secrets": {}}
    return AlertItem("connector", item_id(names, "connector", name), body)


def _rule(names: Names, rule: Rule) -> AlertItem:
    measure = {"aggType": "count"} if rule.average_of is None else {"aggType": "avg", "aggField": rule.average_of}
    group = {"groupBy": "all"} if rule.by is None else {"groupBy": "top", "termField": rule.by, "termSize": MAX_GROUPS}
    params = {
        "searchType": "esQuery",
        "index": [rule.source.index(names.namespace)],
        "timeField": rule.source.time_field,
        "esQuery": json.dumps({"query": rule.query}, separators=(",", ":")),
        "size": 10,
        "timeWindowSize": rule.window_min,
        "timeWindowUnit": "m",
        "threshold": [rule.above],
        "thresholdComparator": ">",
        "excludeHitsFromPreviousRun": not rule.lasting,
        **measure,
        **group,
    }
    body = {
        "name": names.title(f"Oversight: {rule.name}"),
        "rule_type_id": ".es-query",
        "consumer": "stackAlerts",
        "enabled": True,
        "tags": ["oversight", names.namespace],
        "schedule": {"interval": f"{rule.every_min}m"},
        "params": params,
        "actions": _actions(names, rule),
    }
    return AlertItem("rule", item_id(names, "rule", rule.id), body)


def _actions(names: Names, rule: Rule) -> list[dict[str, Any]]:
    """What happens when the rule fires, and where the trouble lasts, when it has ended."""
    index, log = (item_id(names, "connector", name) for name in (INDEX_CONNECTOR, LOG_CONNECTOR))
    said = f"{{{{rule.name}}}}: {rule.what} (measured {{{{context.value}}}}, above {rule.above:g})"
    frequency = {
        "summary": False,
        "notify_when": "onActionGroupChange" if rule.lasting else "onActiveAlert",
        "throttle": None,
    }
    actions = [
        {"id": index, "group": FIRED, "params": {"documents": [_document(rule, said)]}, "frequency": frequency},
        {"id": log, "group": FIRED, "params": {"level": "warn", "message": said}, "frequency": frequency},
    ]
    if rule.lasting:
        over = "{{rule.name}}: recovered (measured {{context.value}})"
        actions.append(
            {"id": index, "group": RECOVERED, "params": {"documents": [_document(rule, over)]}, "frequency": frequency}
        )
    return actions


def _document(rule: Rule, reason: str) -> dict[str, Any]:
    """What the index connector writes, in the fields of contract/documents/alerts.py; Kibana fills in what stands in
    braces.
    """
    measure = "count" if rule.average_of is None else "value"
    document: dict[str, Any] = {
        "ecs": {"version": ECS_VERSION},
        "event": {
            "id": "{{alert.uuid}}",
            "kind": "alert",
            "module": "oversight",
            "dataset": "oversight.alert",
            "action": "{{alert.actionGroup}}",
            "reason": reason,
            "url": "{{{context.link}}}",
        },
        "rule": {"id": "{{rule.id}}", "name": "{{rule.name}}", "ruleset": "oversight"},
        "oversight": {"alert": {measure: "{{context.value}}", "threshold": rule.above}},
    }
    if rule.by == "user.id":
        document["user"] = {"id": "{{alert.id}}"}
    return document
