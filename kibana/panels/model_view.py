"""What the dashboards need to know about a model, derived from its contract alone.

ModelContract ──▶ harmless labels, families, unknown or not, ATT&CK or not, training shares ──▶ View
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from contract.artifact.contract import ModelContract
from contract.kdd99.columns import TRAINING_ROWS, TRAINING_SHA256, UNKNOWN_LABEL
from kibana.panels.conditions import All, Begins, Between, Exists, Is, Not, Where
from kibana.panels.declarations import Case, Cases, Column, Control, Line, Scheme
from kibana.panels.palette import SEVERITY, UNKNOWN, colours
from kibana.panels.words import Who, Words, is_about_network, who_of, words_of

LABEL, FAMILY = "oversight.prediction.label", "oversight.prediction.family"
LABELS, REASONS = "oversight.prediction.labels", "oversight.prediction.reasons"
LOWER, UPPER = "lower bound", "upper bound"
SOURCE, DESTINATION = "source.ip", "destination.ip"
MACHINES = (
    Column(field=SOURCE, title="Source", width=110, optional=True),
    Column(field=DESTINATION, title="Destination", width=110, optional=True),
)
NO_ADDRESSES = "KDD's own files have no addresses; `oversight sense`, simulated traffic and ECS documents bring them"
PROBABILITY = Column(field="oversight.prediction.probability", title="Probability", width=100)
SEVERITY_FIELD = "event.severity"
ALERT = Is("event.kind", "alert")
LABEL_ROWS = "label_rows"
"""Key in the contract's `training` under which a model can record its number of training rows for each label."""

MOST_BUCKETS = 50
"""Maximum number of stacks in a bar or slices in a ring: beyond it a chart is unreadable."""

MOST_FEATURES = 200
"""Maximum number of features that one search counts by name."""

SEVERE = 73
"""From this severity on, Elastic Security calls an alert high or critical."""

SEVERITY_CASES = Cases(
    title="Severity",
    cases=tuple(
        Case(name, Between(SEVERITY_FIELD, low, high), SEVERITY[name])
        for name, low, high in (("critical", 99, None), ("high", 73, 99), ("medium", 47, 73), ("low", 1, 47))
    ),
)
"""Elastic Security's severity levels, highest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a model of numbers answers: the value of a regression, or the score of an anomaly detector."""

    field: str
    name: str
    """`value` or `score`."""
    title: str
    """With its unit, for columns and axes."""
    lines: tuple[Line, ...]
    """The bounds, or the threshold."""
    unit: str = ""
    """To follow a number: with a space in front, or empty."""
    worst_is_low: bool = False
    """Low scores alert."""

    @property
    def decimals(self) -> int:
        """Decimals that show about four digits of a bound."""
        largest = max((abs(line.value) for line in self.lines), default=1.0)
        return min(6, max(0, 3 - math.floor(math.log10(largest)))) if largest else 4


@dataclass(frozen=True)
class View:
    """A model as the dashboards see it."""

    contract: ModelContract

    @cached_property
    def words(self) -> Words:
        """What the texts call the events and the verdicts that alert."""
        return words_of(self.contract)

    @cached_property
    def who(self) -> Who:
        """Whom the events are about."""
        return who_of(self.contract)

    @cached_property
    def is_about_network(self) -> bool:
        """Whether the documents are about connections in a network."""
        return is_about_network(self.contract)

    @cached_property
    def measure(self) -> Measure | None:
        """The number that the model answers; None if it is a classification."""
        value, score = self.contract.value, self.contract.score
        if self.contract.task == "regression":
            unit = value.unit if value is not None else ""
            bounds = () if value is None else ((LOWER, value.low), (UPPER, value.high))
            return Measure(
                field="oversight.prediction.value",
                name="value",
                title=f"Value ({unit})" if unit else "Value",
                unit=f" {unit}" if unit else "",
                lines=tuple(Line(title, bound) for title, bound in bounds if bound is not None),
            )
        if score is None:
            return None
        return Measure(
            field="oversight.prediction.score",
            name="score",
            title="Score",
            lines=() if score.threshold is None else (Line("threshold", score.threshold),),
            worst_is_low=score.alerts == "below",
        )

    @cached_property
    def severe(self) -> int:
        """Severity from which a single alert is reported. A model outside of networks always has such a label."""
        highest = max((label.severity for label in self.contract.labels), default=0)
        return SEVERE if self.is_about_network and self.measure is None else min(SEVERE, max(1, highest))

    @cached_property
    def certainty(self) -> Column:
        """The column of a table of documents that shows how far or how sure the verdict is."""
        measure = self.measure
        return PROBABILITY if measure is None else Column(field=measure.field, title=measure.title, width=100)

    @cached_property
    def machines(self) -> tuple[Column, ...]:
        """The columns of a table of documents with who talked to whom; empty unless they are about a network."""
        return MACHINES if self.is_about_network else ()

    @cached_property
    def holding(self) -> tuple[Column, ...]:
        """The column of a table of documents with all labels that hold; empty if only one can."""
        return (Column(field=LABELS, title="All labels", width=150),) if self.contract.several_labels else ()

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        """The filters above the dashboards."""
        all_labels = (Control(id="labels", field=LABELS, title="One of all labels"),)
        return (
            Control(id=self.who.id, field=self.who.field, title=self.who.title),
            Control(id="family", field=FAMILY, title="Family"),
            Control(id="label", field=LABEL, title="Label"),
            *(all_labels if self.contract.several_labels else ()),
        )

    @cached_property
    def deviating(self) -> Cases | None:
        """One bucket for each feature that a reason names; None if there are too many features."""
        names = [feature.name for feature in self.contract.features]
        if len(names) > MOST_FEATURES:
            return None
        cases = tuple(Case(name, Begins(REASONS, f"{name} is ")) for name in names)
        return Cases(title="Feature", cases=cases, ranked=True)

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
        """Matches verdicts that are not harmless, such as an attack or `unknown`."""
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
