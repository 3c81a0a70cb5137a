"""How alerts form incidents: which field is the key of each alert, and the largest gap.

family marked `by: target`   destination.ip, if the alert has one
any other alert              source.ip, else user.id, host.name, observer.name, else no machine
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from contract.artifact.contract import GroupedBy, ModelContract
from contract.documents.datasets import CONNECTION
from contract.documents.fields import PREDICTED_LABEL

Query = dict[str, Any]
KeyField = Literal["destination.ip", "source.ip", "user.id", "host.name", "observer.name", ""]
"""The field that names an incident's machine or target; empty: its alerts name no machine."""

TARGET: KeyField = "destination.ip"
SOURCE: KeyField = "source.ip"
MACHINE_FIELDS: tuple[KeyField, ...] = (SOURCE, "user.id", "host.name", "observer.name")
"""An alert's machine is the first of these that it has."""
FAMILY = "oversight.prediction.family"
ALERT: Query = {"term": {"event.kind": "alert"}}
TIME = "@timestamp"
RISK, SEVERITY = "event.risk_score", "event.severity"
OF_ONE_ALERT = ("event.kind", FAMILY, PREDICTED_LABEL, TARGET, *MACHINE_FIELDS)
"""The fields that say which incident an alert belongs to, beside its time."""
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Level:
    """The alerts that have their key in the same field."""

    field: KeyField
    by: GroupedBy
    where: tuple[Query, ...]
    """Conditions that exactly these alerts fulfil."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the alerts of one dataset form incidents."""

    dataset: str = CONNECTION
    name_field: str = FAMILY
    """The field whose value all alerts of an incident share: the family, or the label (also the name of the rule)."""
    targets: frozenset[str] = frozenset()
    """The families that are grouped by target."""
    gap_ms: int = 15 * MINUTE_MS
    most_names: int = 10
    """About how many values `name_field` has; sizes the searches."""

    @property
    def levels(self) -> tuple[Level, ...]:
        """Every alert belongs to exactly one of these levels."""
        marked: Query = {"terms": {self.name_field: sorted(self.targets)}}
        by_target = (marked, exists(TARGET))
        levels = [Level(TARGET, "target", by_target)] if self.targets else []
        before: list[Query] = [none_of(all_of(by_target))] if self.targets else []
        for field in MACHINE_FIELDS:
            levels.append(Level(field, "machine", (*before, exists(field))))
            before.append(none_of(exists(field)))
        return (*levels, Level("", "machine", tuple(before)))

    def key_of(self, fields: Mapping[str, Sequence[Any]]) -> tuple[KeyField, str]:
        """Return the key of one alert: its field, and the first value there.

        Args:
            fields: the values that Elasticsearch indexed, by field. It may not index all of `_source`.
        """
        by_target = any(name in self.targets for name in fields.get(self.name_field, ())) and fields.get(TARGET)
        fields_of_keys: tuple[KeyField, ...] = (TARGET,) if by_target else MACHINE_FIELDS
        field: KeyField = next((each for each in fields_of_keys if fields.get(each)), "")
        return field, str(fields[field][0]) if field else ""

    def level(self, field: str) -> Level | None:
        """Return the level of a key field; None if no alert has its key there."""
        return next((level for level in self.levels if level.field == field), None)


def rules_of(contract: ModelContract, *, dataset: str | None = None, gap_min: int = 15) -> Rules:
    """Return how the alerts of a model form incidents.

    Args:
        contract: the model.
        dataset: dataset of the documents; None: the model's.
        gap_min: largest gap between two alerts of one incident, in minutes.
    """
    by_family = contract.names_families
    names = contract.families if by_family else contract.labels
    return Rules(
        dataset=dataset or contract.dataset,
        name_field=FAMILY if by_family else PREDICTED_LABEL,
        targets=contract.target_families if by_family else frozenset(),
        gap_ms=gap_min * MINUTE_MS,
        most_names=max(10, len(names) + 1),
    )


def exists(field: str) -> Query:
    """Match documents that have a field."""
    return {"exists": {"field": field}}


def none_of(*queries: Query) -> Query:
    """Match documents that match none of the queries."""
    return {"bool": {"must_not": list(queries)}}


def all_of(queries: Sequence[Query]) -> Query:
    """Match documents that match every query."""
    return {"bool": {"filter": list(queries)}}


def within(first_ms: int, end_ms: int) -> Query:
    """Match documents that happened in `[first_ms, end_ms)`."""
    return {"range": {TIME: {"gte": first_ms, "lt": end_ms, "format": "epoch_millis"}}}


def has_key(field: str, key: str) -> list[Query]:
    """Match documents with this key; an empty field has no keys."""
    return [{"term": {field: key}}] if field else []


def has_name(rules: Rules, name: str) -> Query:
    """Match documents with this family or label; an empty name matches documents without one."""
    return {"term": {rules.name_field: name}} if name else none_of(exists(rules.name_field))
