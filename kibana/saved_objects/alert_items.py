"""Alert rules and connectors in the form that Kibana's alerting API accepts.

    Rule ──▶ body of a rule of type `.es-query`, with two actions ──┬─▶ index connector: oversight-alerts-<namespace>
                                                                    └─▶ server log

Kibana accepts only UUIDs as ids here. Each id is derived from the item's readable name, so it never changes.
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
from contract.documents.datasets import CONNECTION
from contract.documents.fields import ECS_VERSION
from kibana.panels.model_view import REASONS
from kibana.saved_objects.alert_rules import Rule, alert_rules
from kibana.saved_objects.objects import Names, holds
from kibana.saved_objects.stored import Key, Stored, digest

Kind = Literal["connector", "rule"]
KINDS: tuple[Kind, ...] = ("connector", "rule")
"""In the order in which they are created: a rule refers to its connectors."""
INDEX_CONNECTOR, LOG_CONNECTOR = "alerts-index", "server-log"
FIRED, RECOVERED = "query matched", "recovered"
MAX_GROUPS = 100
"""Maximum number of values into which a rule splits its measure."""
MAX_HITS, MAX_HITS_OF_A_GROUP = 10, 3
"""Maximum number of events that Kibana reads for an alert. For a group it reads them whole, with the raw line."""
EXAMPLE = "context.hits.0._source"
"""One of the events that a rule found: the newest, or any event of a group."""
OF_EXAMPLE = (
    "event.severity",
    "event.risk_score",
    "host.name",
    "source.ip",
    "destination.ip",
    "user.id",
    "oversight.prediction.label",
    "oversight.prediction.family",
)
"""What an alert takes over from the example."""
SOURCE_FIELDS = ("source.ip", "destination.ip", "user.id", "host.name", "rule.name")
"""What Kibana's own list of alerts shows of the events: fields of ECS, of which Kibana takes at most five."""
CREATE_ONLY: Mapping[Kind, tuple[str, ...]] = {
    "connector": ("connector_type_id",),
    "rule": ("rule_type_id", "consumer", "enabled"),
}
"""Keys that an update does not send. So a rule that someone switched off stays off."""
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
"""The keys of a rule and its actions that a person can set. An update deletes each key that it does not send."""


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
        """Digest of the content."""
        return digest(self.body)

    def beside(self) -> AlertItem:
        """A copy with another id and name. A rule's copy is switched off, so that the two do not both fire."""
        off = {"enabled": False} if self.kind == "rule" else {}
        body = {**self.body, "name": f"{self.body['name']} (as shipped)", **off}
        return AlertItem(self.kind, stable_uuid(f"{self.id}-as-shipped"), body)

    def is_like(self, stored: Stored) -> bool:
        """Whether the stored item contains everything of this one; ignores whether a rule is switched on."""
        return holds(stored.content, content_of(self.kind, self.body))

    def to_dict(self) -> dict[str, Any]:
        """The item and its type as plain JSON values."""
        return {"type": self.kind, "id": self.id, **self.body}


def stable_uuid(name: str) -> str:
    """A UUID derived from the name. It is marked as version 4, the only version that Kibana accepts."""
    return str(uuid.UUID(bytes=sha256(name.encode()).digest()[:16], version=4))


def content_of(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a connector or rule that a person can set; leaves out the server's own keys and empty ones."""
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
    """Id of a connector or rule, from its readable name."""
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
        "index": [rule.source.index(names.namespace, names.dataset)],
        "timeField": rule.source.time_field,
        "esQuery": json.dumps({"query": rule.query, "_source": [*OF_EXAMPLE, REASONS]}, separators=(",", ":")),
        "size": MAX_HITS if rule.by is None else MAX_HITS_OF_A_GROUP,
        "timeWindowSize": rule.window_min,
        "timeWindowUnit": "m",
        "threshold": [rule.above],
        "thresholdComparator": ">",
        "excludeHitsFromPreviousRun": not rule.lasting,
        **measure,
        **group,
    }
    if rule.names_events:
        params["sourceFields"] = [{"label": name, "searchPath": name} for name in SOURCE_FIELDS]
    body = {
        "name": names.title(f"Oversight: {rule.name}"),
        "rule_type_id": ".es-query",
        "consumer": "stackAlerts",
        "enabled": True,
        "tags": ["oversight", names.namespace, *([] if names.dataset == CONNECTION else [names.dataset])],
        "schedule": {"interval": f"{rule.every_min}m"},
        "params": params,
        "actions": _actions(names, rule),
    }
    return AlertItem("rule", item_id(names, "rule", rule.id), body)


def _actions(names: Names, rule: Rule) -> list[dict[str, Any]]:
    """The actions when the rule fires, and for a lasting condition also the action when it recovers."""
    index, log = (item_id(names, "connector", name) for name in (INDEX_CONNECTOR, LOG_CONNECTOR))
    message = f"{{{{rule.name}}}}: {rule.what} (measured {{{{context.value}}}}, above {rule.above:g})"
    frequency = {
        "summary": False,
        "notify_when": "onActionGroupChange" if rule.lasting else "onActiveAlert",
        "throttle": None,
    }
    actions = [
        {"id": index, "group": FIRED, "params": {"documents": [_fired(rule, message)]}, "frequency": frequency},
        {"id": log, "group": FIRED, "params": {"level": "warn", "message": message}, "frequency": frequency},
    ]
    if rule.lasting:
        # Kibana has no figure for a recovered alert: `context.value` is 0 if nothing is split by a field.
        recovered = "{{rule.name}}: recovered"
        actions.append(
            {
                "id": index,
                "group": RECOVERED,
                "params": {"documents": [_document(rule, recovered)]},
                "frequency": frequency,
            }
        )
    return actions


def _fired(rule: Rule, reason: str) -> dict[str, Any]:
    """The document of an alert that begins, with what was measured and found."""
    document = _document(rule, reason)
    measure = "count" if rule.average_of is None else "value"
    document["oversight"]["alert"][measure] = "{{context.value}}"
    if not rule.names_events:
        return document
    for name in OF_EXAMPLE:
        if name != rule.by:
            _put(document, name, f"{{{{{EXAMPLE}.{name}}}}}")
    _put(document, REASONS, f"{{{{#{EXAMPLE}.{REASONS}}}}}{{{{.}}}}; {{{{/{EXAMPLE}.{REASONS}}}}}")
    document["oversight"]["alert"]["events"] = "{{#context.hits}}{{_id}} {{/context.hits}}"
    return document


def _put(document: dict[str, Any], name: str, value: Any) -> None:
    """Set a field of a nested document."""
    *parents, leaf = name.split(".")
    for parent in parents:
        document = document.setdefault(parent, {})
    document[leaf] = value


def _document(rule: Rule, reason: str) -> dict[str, Any]:
    """The document that the index connector writes (contract/documents/alerts.py). Kibana fills in the braces."""
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
        "oversight": {"alert": {"threshold": rule.above}},
    }
    if rule.by is not None:
        _put(document, rule.by, "{{alert.id}}")
    return document
