"""The contract inside an artifact: its inputs, its outputs, and what the outputs mean.

An artifact is one file, `model.onnx`. Its `metadata_props` hold this contract as JSON under `METADATA_KEY`.

    numeric      float32 (rows, n_numeric)       the float features, raw, in the contract's order   ┐ inputs; one is
    categorical  string  (rows, n_categorical)   the string features, raw, in the contract's order  ┘ absent if n = 0

The outputs depend on the task:

    classification  probabilities float32 (rows, n_labels)    in the order of `labels`
                    novelty       float32 (rows,)             0 to 1; absent if the contract has no threshold
    regression      value         float32 (rows,)             in the unit of the contract's `value`
    anomaly         score         float32 (rows,)             compared with the threshold of the contract's `score`
                    deviations    float32 (rows, n_numeric)   how far each number is from the model's; may be absent

Regression and anomaly have two labels, a harmless one and one that alerts: the value is within its bounds or not, the
score is usual or not. So every task gives a document a label and a family, and dashboards, alerts and incidents work
for all of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from contract.artifact.json_reader import parse, raise_problems
from contract.artifact.rules import contract_problems, new_contract_problems
from contract.documents.datasets import CONNECTION

METADATA_KEY = "oversight.contract"
FORMATS = (1, 2)
"""Versions of the format that can be read. A contract is written in the lowest one that can express it."""

NUMERIC_INPUT, CATEGORICAL_INPUT = "numeric", "categorical"
PROBABILITIES_OUTPUT, NOVELTY_OUTPUT = "probabilities", "novelty"
VALUE_OUTPUT, SCORE_OUTPUT, DEVIATIONS_OUTPUT = "value", "score", "deviations"
VERSION_DIGITS = 12
"""`oversight.model.version` is this many hex digits of the file's SHA-256."""
FeatureKind = Literal["float", "string"]
Task = Literal["classification", "regression", "anomaly"]
Missing = Literal["error", "value", "flag"]
Reads = Literal["number", "boolean", "hour", "weekday", "seconds"]
Measure = Literal["score", "mse", "mae"]
Proof = Literal["none", "labels", "outputs"]
GroupedBy = Literal["machine", "target"]


@dataclass(frozen=True, slots=True)
class Tactic:
    """An ATT&CK tactic."""

    id: str
    name: str
    reference: str


@dataclass(frozen=True, slots=True)
class Technique:
    """An ATT&CK technique, with its sub-technique if the attack fits one."""

    id: str
    name: str
    reference: str
    tactic: Tactic
    sub_id: str | None = None
    sub_name: str | None = None
    sub_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """One class that the model predicts. Harmless ones have severity 0."""

    name: str
    family: str
    severity: int
    technique: Technique | None = None
    usual_reasons: tuple[str, ...] = ()
    """The features that are usually the reasons for this label, most frequent first; the service tries them first."""
    usual_fall: float | None = None
    """If no usual reason lowers the label's log-odds by at least this much, the service tries every feature."""
    threshold: float | None = None
    """The label holds from this probability on: of the second of two labels, or of one where several may hold."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One input of the model."""

    name: str
    field: str
    """The document field that holds it, as a dotted name."""
    kind: FeatureKind
    vocabulary: tuple[str, ...] = ()
    """For a string feature: the words seen in training. Any other word gets a separate code and causes a warning."""
    minimum: float | None = None
    maximum: float | None = None
    """For a float feature: the range seen in training. A value outside it causes a warning, never an error."""
    background: float | str | None = None
    """A harmless value. Explanations put it in place of the feature's value to see how much the value matters."""
    usual_low: float | None = None
    usual_middle: float | None = None
    usual_high: float | None = None
    """For a float feature: the 5 %, 50 % and 95 % quantiles of the harmless rows (`ModelContract.usual_of`)."""
    usual_shares: tuple[tuple[str, float], ...] = ()
    """For a string feature: the words of the harmless rows, each with its share, commonest first."""
    profile_edges: tuple[float, ...] = ()
    profile_shares: tuple[float, ...] = ()
    """For a float feature: the profile of the harmless rows, against which drift is measured."""
    reads: Reads = "number"
    """How a float feature is read from the field: `boolean` takes true as 1, the others take a date apart, in UTC."""
    origin: str = ""
    """Of `seconds`: the date from which they are counted, such as `2026-01-01T00:00:00Z`."""
    missing: Missing = "error"
    """What a document without the field gets: an error, a fixed value, or that value and a further input, 1 there."""
    missing_value: float | str | None = None
    """The value in place of a missing one. None: NaN, which models of trees take."""


@dataclass(frozen=True, slots=True)
class ValueOutput:
    """What a regression predicts."""

    unit: str = ""
    low: float | None = None
    high: float | None = None
    """A value below `low` or above `high` alerts."""


@dataclass(frozen=True, slots=True)
class ScoreOutput:
    """What an anomaly detector scores."""

    threshold: float | None = None
    """Of an artifact never None: the conversion finds it from `quantile`."""
    alerts: Literal["above", "below"] = "above"
    """Which side of the threshold alerts."""
    measure: Measure = "score"
    """The model's own score, or the mean square or absolute difference between its reconstruction and what it saw."""
    compared_with: str = "raw"
    """What a reconstruction is compared with: `raw` features, or the output of the layer of this name."""
    quantile: float | None = None
    """The share of the sample's rows that do not alert; the threshold is set so."""


@dataclass(frozen=True, slots=True)
class EventWords:
    """The ECS words for the model's documents."""

    category: tuple[str, ...] = ("network",)
    type: tuple[str, ...] = ("connection",)
    alert_category: tuple[str, ...] = ("network", "intrusion_detection")
    alert_type: tuple[str, ...] = ("connection", "info")


@dataclass(frozen=True)
class ModelContract:
    """Everything that the other parts need to know about a model."""

    name: str
    features: tuple[Feature, ...]
    """In the model's order. Float and string features become separate inputs; each keeps this order."""
    labels: tuple[Label, ...]
    """In the order of the probabilities."""
    families: tuple[str, ...]
    novelty_threshold: float | None = None
    """A document with a novelty above this is unlike anything in training; None if the model measures no novelty."""
    usual_of: str = "harmless rows"
    """What the features' `usual_...` were measured on: a plural that fits into a sentence."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """The origin of the weights: data digest, rows, seed."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    heldout: Mapping[str, Any] = field(default_factory=dict)
    """Figures measured on rows that training never saw."""
    task: Task = "classification"
    dataset: str = CONNECTION
    """The documents are in the data stream `logs-oversight.DATASET-NAMESPACE`."""
    event: EventWords = EventWords()
    several_labels: bool = False
    """Each label has a probability of its own, and several may hold. The last label holds where no other does."""
    value: ValueOutput | None = None
    """Of a regression."""
    score: ScoreOutput | None = None
    """Of an anomaly detector."""
    proof: Proof = "none"
    """What the converted model was compared with: known labels, or the outputs of the author's own program."""
    proved: Mapping[str, Any] = field(default_factory=dict)
    """The figures of that comparison, beside those of guessing."""
    incidents_by: Mapping[str, GroupedBy] = field(default_factory=dict)
    """Families whose alerts form incidents by `target` (`destination.ip`): floods, which forge their sources. The
    alerts of any other family form incidents by `machine`.
    """

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The outputs that the graph must have, in the order in which they are read."""
        if self.task == "regression":
            return (VALUE_OUTPUT,)
        if self.task == "anomaly":
            return (SCORE_OUTPUT,)
        return (PROBABILITIES_OUTPUT,) if self.novelty_threshold is None else (PROBABILITIES_OUTPUT, NOVELTY_OUTPUT)

    @cached_property
    def names_families(self) -> bool:
        """Whether alerts of one family form an incident; otherwise alerts of one label do."""
        return self.task == "classification" and "network" in self.event.category

    @cached_property
    def target_families(self) -> frozenset[str]:
        """The families whose incidents are grouped by target."""
        return frozenset(family for family, by in self.incidents_by.items() if by == "target")

    @cached_property
    def numeric(self) -> tuple[Feature, ...]:
        """The float features, in the order of the columns of the `numeric` input."""
        return tuple(feature for feature in self.features if feature.kind == "float")

    @cached_property
    def categorical(self) -> tuple[Feature, ...]:
        """The string features, in the order of the columns of the `categorical` input."""
        return tuple(feature for feature in self.features if feature.kind == "string")

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Document fields that the model reads, in the features' order; several features may read one date."""
        return tuple(dict.fromkeys(feature.field for feature in self.features))

    def to_dict(self) -> dict[str, Any]:
        """The contract as plain JSON values, in the lowest format that can express it."""
        from contract.artifact.to_json import contract_to_dict  # here: it reads these classes

        return contract_to_dict(self)

    def to_json(self) -> str:
        """The JSON text for the artifact's metadata. The same contract gives the same bytes."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str, *, written: bool = False) -> ModelContract:
        """Read and check a contract.

        Args:
            text: JSON.
            written: a person wrote it for a new artifact. Then unknown keys and unusual names are refused too. Older
                artifacts may contain them, and are still served.
        Raises:
            ArtifactError: not JSON, another format, or missing or wrong values. Reports all problems at once.
        """
        return cls.from_dict(parse(text), written=written)

    @classmethod
    def from_dict(cls, data: Any, *, written: bool = False) -> ModelContract:
        """As `from_json`, from plain JSON values."""
        from contract.artifact.from_json import contract_from_dict  # here: it makes these classes

        return contract_from_dict(data, written=written)

    def check(self) -> None:
        """Check that the parts of the contract fit together.

        Raises:
            ArtifactError: names every part that does not.
        """
        raise_problems([*contract_problems(self), *new_contract_problems(self)])
