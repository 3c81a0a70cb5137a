"""What the dashboards need to know about a model, derived from its contract alone.

ModelContract ──▶ harmless labels, families, unknown or not, ATT&CK or not, training shares ──▶ View
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from contract.artifact.contract import ModelContract
from contract.kdd99.columns import TRAINING_ROWS, TRAINING_SHA256, UNKNOWN_LABEL
from kibana.panels.conditions import All, Between, Exists, Is, Not, Where
from kibana.panels.declarations import Case, Cases, Scheme
from kibana.panels.palette import SEVERITY, UNKNOWN, colours

LABEL, FAMILY, USER = "oversight.prediction.label", "oversight.prediction.family", "user.id"
SEVERITY_FIELD = "event.severity"
ALERT = Is("event.kind", "alert")
LABEL_ROWS = "label_rows"
"""Key in the contract's `training` under which a model can record its number of training rows for each label."""

MOST_BUCKETS = 50
"""Maximum number of stacks in a bar or slices in a ring: beyond it a chart is unreadable."""

SEVERITY_CASES = Cases(
    title="Severity",
    cases=tuple(
        Case(name, Between(SEVERITY_FIELD, low, high), SEVERITY[name])
        for name, low, high in (("critical", 99, None), ("high", 73, 99), ("medium", 47, 73), ("low", 1, 47))
    ),
)
"""Elastic Security's severity levels, highest first."""


@dataclass(frozen=True)
class View:
    """A model as the dashboards see it."""

    contract: ModelContract

    @cached_property
    def harmless(self) -> tuple[str, ...]:
        """Labels of severity 0."""
        return tuple(label.name for label in self.contract.labels if label.severity == 0)

    @cached_property
    def knows_unknown(self) -> bool:
        """Whether the model measures novelty, so that a verdict can be `unknown`."""
        return self.contract.novelty_threshold is not None

    @cached_property
    def maps_attack(self) -> bool:
        """Whether any label has an ATT&CK technique."""
        return any(label.technique is not None for label in self.contract.labels)

    @cached_property
    def threat(self) -> Where:
        """Matches verdicts that are an attack or `unknown`."""
        known = Exists(LABEL)
        return known if self.is_harmless is None else All((known, Not(self.is_harmless)))

    @cached_property
    def is_harmless(self) -> Where | None:
        """Matches harmless verdicts; None if the model has no harmless label."""
        names = self.harmless
        return None if not names else Is(LABEL, names[0] if len(names) == 1 else names)

    @cached_property
    def unknown(self) -> Where:
        """Matches the verdict `unknown`."""
        return Is(LABEL, UNKNOWN_LABEL)

    @cached_property
    def colours(self) -> Mapping[Scheme, Mapping[str, str]]:
        """Colour of each value by scheme."""
        return colours(self.contract)

    @cached_property
    def training_shares(self) -> Mapping[str, float]:
        """Each label's share of the training rows, 0 to 1; empty if the contract does not record them."""
        rows = self.contract.training.get(LABEL_ROWS)
        if not isinstance(rows, Mapping) and self.contract.training.get("sha256") == TRAINING_SHA256:
            rows = TRAINING_ROWS
        names = [label.name for label in self.contract.labels]
        if not isinstance(rows, Mapping) or set(rows) - set(names):
            return {}
        counts = {name: rows.get(name, 0) for name in names}
        if not all(isinstance(count, int | float) and count >= 0 for count in counts.values()) or not sum(
            counts.values()
        ):
            return {}
        return {name: count / sum(counts.values()) for name, count in counts.items()}

    @property
    def n_labels(self) -> int:
        """Number of buckets that shows every possible verdict, limited to what a chart can hold."""
        return min(len(self.contract.labels) + 1, MOST_BUCKETS)

    @property
    def n_families(self) -> int:
        """Number of buckets that shows every family, limited to what a chart can hold."""
        return min(len(self.contract.families), MOST_BUCKETS)

    def label_cases(self) -> Cases:
        """One bucket for each label, most frequent in training first, and one for `unknown`."""
        shares, shown = self.training_shares, self.colours["label"]
        names = sorted((label.name for label in self.contract.labels), key=lambda name: (-shares.get(name, 0.0), name))
        cases = [Case(name, Is(LABEL, name), shown[name], shares.get(name)) for name in names]
        if self.knows_unknown and UNKNOWN_LABEL not in names:
            cases.append(Case(UNKNOWN_LABEL, self.unknown, UNKNOWN, 0.0 if shares else None))
        return Cases(title="Label", cases=tuple(cases))
