"""The fields that a query line can name: those of every document, and the inputs of the model.

Fields(contract).find("label") ──▶ Field("oversight.prediction.label", "keyword")
"""

from __future__ import annotations

import difflib
from typing import Any

from contract.artifact.contract import Feature, ModelContract
from contract.artifact.task_rules import DATE_PARTS
from contract.documents.fields import FIELDS, STATUS, Field, Kind
from kibana.panels.model_view import DESTINATION, FAMILY, LABEL, LABELS, REASONS, SEVERITY_FIELD
from kibana.panels.words import who_of

SHORT_NAMES = {
    "label": LABEL,
    "family": FAMILY,
    "user": "user.id",
    "host": "host.name",
    "source": "source.ip",
    "destination": DESTINATION,
    "service": "network.protocol",
    "status": STATUS,
    "kind": "event.kind",
    "severity": SEVERITY_FIELD,
    "risk": "event.risk_score",
    "probability": "oversight.prediction.probability",
    "novelty": "oversight.prediction.novelty",
    "reasons": REASONS,
    "technique": "threat.technique.id",
    "verdict": "oversight.feedback.verdict",
    "arrived": "event.ingested",
    "happened": "@timestamp",
    "predicted": "oversight.prediction.at",
    "error": "error.type",
}
"""Words that a person types in place of a long field name."""
SERVICE = "network.protocol"
SIMILAR = 3
"""Most field names that an error message suggests."""


class Fields:
    """The fields of a model's documents.

    Args:
        contract: contract of the current model.
    """

    def __init__(self, contract: ModelContract) -> None:
        known = [*FIELDS, *(_input(feature) for feature in contract.features)]
        self._by_name = {field.name: field for field in known}
        self._short = {name: field for name, field in SHORT_NAMES.items() if field in self._by_name}
        words = (LABEL, LABELS, FAMILY, who_of(contract).field, "user.id", "host.name", SERVICE, REASONS)
        self.word_fields = tuple(dict.fromkeys(words))
        """The keywords in which a bare word is searched; the addresses are searched too."""

    def find(self, name: str) -> Field | None:
        """Return the field with this name or short name; None if there is none."""
        return self._by_name.get(self._short.get(name, name))

    def similar(self, name: str) -> list[str]:
        """Return known names that a person may have meant."""
        names = [*self._short, *self._by_name]
        ends = [known for known in self._by_name if known.rpartition(".")[2] == name]
        return list(dict.fromkeys([*ends, *difflib.get_close_matches(name, names, SIMILAR)]))[:SIMILAR]

    def listed(self) -> list[dict[str, Any]]:
        """Return the searchable fields for the page's suggestions: short names first."""
        short = [(name, self._by_name[field]) for name, field in self._short.items()]
        every = [*short, *((name, field) for name, field in self._by_name.items())]
        return [
            {"name": name, "kind": field.kind, "meaning": field.meaning}
            for name, field in every
            if is_searchable(field)
        ]


def is_searchable(field: Field) -> bool:
    """Whether Elasticsearch can search a field. Some are stored only to be shown."""
    return field.indexed and field.kind != "object"


def _input(feature: Feature) -> Field:
    """Return an input of the model as a field, with the type that the templates give it."""
    kind: Kind = "keyword" if feature.kind == "string" else "float"
    if feature.reads in DATE_PARTS:
        kind = "date"
    elif feature.reads == "boolean":
        kind = "boolean"
    return Field(feature.field, kind, f"input {feature.name} of the model")
