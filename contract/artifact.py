"""The contract that an artifact carries: what goes in, what comes out, and what the outputs mean.

One file, `model.onnx`. Its `metadata_props` hold this contract as JSON under `METADATA_KEY`.

    numeric      float32 (rows, n_numeric)       the float features, raw, in the contract's order   ┐ inputs; one is
    categorical  string  (rows, n_categorical)   the string features, raw, in the contract's order  ┘ absent where n = 0
    probabilities float32 (rows, n_labels)       calibrated, in the order of `labels`               ┐ outputs
    novelty       float32 (rows,)                0 to 1; absent where the contract has no threshold ┘
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from contract.errors import ArtifactError
from contract.profile import profile_problems

METADATA_KEY = "oversight.contract"
FORMAT = 1
"""Raised when an older reader could misread a newer contract; another number is refused."""

NUMERIC_INPUT, CATEGORICAL_INPUT = "numeric", "categorical"
PROBABILITIES_OUTPUT, NOVELTY_OUTPUT = "probabilities", "novelty"
VERSION_DIGITS = 12
"""`oversight.model.version` is that many hex digits of the file's SHA-256."""
SHARES_TOLERANCE = 1e-3
"""Shares are written rounded; together they may pass 1 by so much."""

FeatureKind = Literal["float", "string"]


@dataclass(frozen=True, slots=True)
class Tactic:
    """An ATT&CK tactic."""

    id: str
    name: str
    reference: str


@dataclass(frozen=True, slots=True)
class Technique:
    """An ATT&CK technique, with its sub-technique where the attack is that exact."""

    id: str
    name: str
    reference: str
    tactic: Tactic
    sub_id: str | None = None
    sub_name: str | None = None
    sub_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """One answer of the model. The harmless ones have severity 0."""

    name: str
    family: str
    severity: int
    technique: Technique | None = None


@dataclass(frozen=True, slots=True)
class Feature:
    """One input of the model."""

    name: str
    field: str
    """Where a document keeps it, dotted."""
    kind: FeatureKind
    vocabulary: tuple[str, ...] = ()
    """Of a string feature: the words seen in training. Any other goes to a bucket of its own and is a warning."""
    minimum: float | None = None
    maximum: float | None = None
    """Of a float feature: the range seen in training. Outside it is a warning, never an error."""
    background: float | str | None = None
    """A harmless value, which explanations put in the feature's place to see what it weighs."""
    usual_low: float | None = None
    usual_middle: float | None = None
    usual_high: float | None = None
    """Of a float feature: the 5 %, 50 % and 95 % quantile of the harmless rows (`ModelContract.usual_of`)."""
    usual_shares: tuple[tuple[str, float], ...] = ()
    """Of a string feature: the words of the harmless rows with their share of them, the commonest first."""
    profile_edges: tuple[float, ...] = ()
    profile_shares: tuple[float, ...] = ()
    """Of a float feature: how the harmless rows are spread (contract/profile.py); the drift of live values is told by it."""


@dataclass(frozen=True)
class ModelContract:
    """All that the other parts know of a model."""

    name: str
    features: tuple[Feature, ...]
    """In the order in which the model takes them; floats and strings are split apart, each keeping this order."""
    labels: tuple[Label, ...]
    """In the order of the probabilities."""
    families: tuple[str, ...]
    novelty_threshold: float | None = None
    """Above it a document is unlike anything in training; None where the model measures no novelty."""
    usual_of: str = "harmless rows"
    """What the features' `usual_...` were measured on, in the plural and as a sentence names it."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Where the weights come from: data digest, rows, seed."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    heldout: Mapping[str, Any] = field(default_factory=dict)
    """Figures measured on rows that training never saw."""

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
        """Document fields that the model reads, in the features' order."""
        return tuple(feature.field for feature in self.features)

    def to_dict(self) -> dict[str, Any]:
        """The contract as plain JSON values."""
        return {
            "format": FORMAT,
            "name": self.name,
            "features": [_feature_to_dict(feature) for feature in self.features],
            "labels": [_label_to_dict(label) for label in self.labels],
            "families": list(self.families),
            "novelty_threshold": self.novelty_threshold,
            "usual_of": self.usual_of,
            "training": dict(self.training),
            "libraries": dict(self.libraries),
            "heldout": dict(self.heldout),
        }

    def to_json(self) -> str:
        """The text that stands in the artifact's metadata; the same contract gives the same bytes."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ModelContract:
        """Read and check a contract.

        Raises:
            ArtifactError: not JSON, another format, or a key that is missing, of the wrong type or inconsistent.
        """
        try:
            data = json.loads(text)
        except ValueError as error:
            raise ArtifactError(
                f"the contract in the artifact is not JSON ({error}); convert the model again"
            ) from None
        return cls.from_dict(data)

    @classmethod
    def from_dict(cls, data: Any) -> ModelContract:
        """As `from_json`, from plain JSON values."""
        if not isinstance(data, dict):
            raise ArtifactError("the contract in the artifact is not a JSON object; convert the model again")
        if data.get("format") != FORMAT:
            raise ArtifactError(
                f"the contract in the artifact has format {data.get('format')!r}, this Oversight reads {FORMAT}; "
                f"convert the model with the same version of Oversight that serves it"
            )
        try:
            contract = cls(
                name=_text(data, "name"),
                features=tuple(_feature_from_dict(item) for item in _list(data, "features")),
                labels=tuple(_label_from_dict(item) for item in _list(data, "labels")),
                families=tuple(str(family) for family in _list(data, "families")),
                novelty_threshold=_number(data, "novelty_threshold"),
                usual_of=_text({"usual_of": cls.usual_of, **data}, "usual_of"),
                training=_mapping(data, "training"),
                libraries=_mapping(data, "libraries"),
                heldout=_mapping(data, "heldout"),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ArtifactError(f"the contract in the artifact is damaged: {error}; convert the model again") from None
        contract.check()
        return contract

    def check(self) -> None:
        """Whether the parts of the contract fit together.

        Raises:
            ArtifactError: names the part that does not.
        """
        problems = [*_check_features(self.features), *_check_labels(self.labels, self.families)]
        if not self.name:
            problems.append("`name` is empty")
        if self.novelty_threshold is not None and not 0.0 <= self.novelty_threshold <= 1.0:
            problems.append(f"`novelty_threshold` is {self.novelty_threshold}, expected 0 to 1")
        if problems:
            raise ArtifactError(f"the model's contract is inconsistent: {'; '.join(problems)}")


def _check_features(features: tuple[Feature, ...]) -> list[str]:
    problems = [] if features else ["`features` is empty"]
    for attribute in ("name", "field"):
        values = [getattr(feature, attribute) for feature in features]
        problems += [
            f"feature {attribute} {v!r} occurs twice" for v in sorted({v for v in values if values.count(v) > 1})
        ]
    for feature in features:
        if feature.kind not in ("float", "string"):
            problems.append(f"feature {feature.name!r} has kind {feature.kind!r}, expected float or string")
        if feature.kind == "string" and not feature.vocabulary:
            problems.append(f"string feature {feature.name!r} has no vocabulary")
        if len(set(feature.vocabulary)) != len(feature.vocabulary):
            problems.append(f"vocabulary of {feature.name!r} names a word twice")
        if any(not part for part in feature.field.split(".")):
            problems.append(f"feature {feature.name!r} has the field {feature.field!r}, which no engine takes")
        problems += _check_usual(feature)
        problems += _check_profile(feature)
    return problems


def _check_usual(feature: Feature) -> list[str]:
    problems = []
    quantiles = [feature.usual_low, feature.usual_middle, feature.usual_high]
    known = [quantile for quantile in quantiles if quantile is not None]
    if known != sorted(known):
        problems.append(
            f"`usual_low`, `usual_middle`, `usual_high` of {feature.name!r} are {quantiles}, expected ascending"
        )
    words = [word for word, _ in feature.usual_shares]
    problems += [
        f"`usual_shares` of {feature.name!r} names {word!r}, which is not in its vocabulary"
        for word in words
        if word not in feature.vocabulary
    ]
    shares = [share for _, share in feature.usual_shares]
    if any(not 0.0 <= share <= 1.0 for share in shares) or sum(shares) > 1.0 + SHARES_TOLERANCE:
        problems.append(f"`usual_shares` of {feature.name!r} are no shares of one whole")
    return problems


def _check_profile(feature: Feature) -> list[str]:
    edges, shares = feature.profile_edges, feature.profile_shares
    if feature.kind == "string" and (edges or shares):
        return [f"string feature {feature.name!r} has a profile of numbers; its `usual_shares` are its profile"]
    return profile_problems(feature.name, edges, shares, tolerance=SHARES_TOLERANCE)


def _check_labels(labels: tuple[Label, ...], families: tuple[str, ...]) -> list[str]:
    problems = [] if len(labels) > 1 else ["`labels` has fewer than two entries"]
    names = [label.name for label in labels]
    problems += [f"label {name!r} occurs twice" for name in sorted({name for name in names if names.count(name) > 1})]
    problems += [
        f"label {label.name!r} has the family {label.family!r}, which is not in `families`"
        for label in labels
        if label.family not in families
    ]
    problems += [f"label {label.name!r} has severity {label.severity}, expected 0 to 100"
                 for label in labels if not 0 <= label.severity <= 100]  # fmt: skip
    return problems


def _feature_to_dict(feature: Feature) -> dict[str, Any]:
    data: dict[str, Any] = {"name": feature.name, "field": feature.field, "kind": feature.kind}
    if feature.kind == "string":
        data["vocabulary"] = list(feature.vocabulary)
        usual: dict[str, Any] = {"usual_shares": dict(feature.usual_shares)}
    else:
        data |= {"minimum": feature.minimum, "maximum": feature.maximum}
        usual = {key: getattr(feature, key) for key in ("usual_low", "usual_middle", "usual_high")}
        usual |= {key: list(getattr(feature, key)) for key in ("profile_edges", "profile_shares")}
    known = {key: value for key, value in usual.items() if value not in (None, {}, [])}
    return data | {"background": feature.background} | known


def _feature_from_dict(data: Mapping[str, Any]) -> Feature:
    background = data.get("background")
    return Feature(
        name=_text(data, "name"),
        field=_text(data, "field"),
        kind=data["kind"],
        vocabulary=tuple(str(word) for word in data.get("vocabulary", ())),
        minimum=_number(data, "minimum"),
        maximum=_number(data, "maximum"),
        background=background if isinstance(background, str) else _number(data, "background"),
        usual_low=_number(data, "usual_low"),
        usual_middle=_number(data, "usual_middle"),
        usual_high=_number(data, "usual_high"),
        usual_shares=_shares(data),
        profile_edges=_numbers(data, "profile_edges"),
        profile_shares=_numbers(data, "profile_shares"),
    )


def _shares(data: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """The shares, the commonest word first; the order in the file does not count."""
    shares = [(word, _number({word: share}, word) or 0.0) for word, share in _mapping(data, "usual_shares").items()]
    return tuple(sorted(shares, key=lambda pair: (-pair[1], pair[0])))


def _label_to_dict(label: Label) -> dict[str, Any]:
    data: dict[str, Any] = {"name": label.name, "family": label.family, "severity": label.severity}
    technique = label.technique
    if technique is not None:
        tactic = technique.tactic
        data["technique"] = {
            "id": technique.id,
            "name": technique.name,
            "reference": technique.reference,
            "tactic": {"id": tactic.id, "name": tactic.name, "reference": tactic.reference},
        }
        if technique.sub_id is not None:
            data["technique"] |= {
                "sub_id": technique.sub_id,
                "sub_name": technique.sub_name,
                "sub_reference": technique.sub_reference,
            }
    return data


def _label_from_dict(data: Mapping[str, Any]) -> Label:
    technique = data.get("technique")
    return Label(
        name=_text(data, "name"),
        family=_text(data, "family"),
        severity=int(data["severity"]),
        technique=None if technique is None else Technique(**{**technique, "tactic": Tactic(**technique["tactic"])}),
    )


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data[key]
    if not isinstance(value, str):
        raise TypeError(f"`{key}` is {value!r}, expected text")
    return value


def _list(data: Mapping[str, Any], key: str) -> list[Any]:
    value = data[key]
    if not isinstance(value, list):
        raise TypeError(f"`{key}` is no list")
    return value


def _mapping(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key, {})
    if not isinstance(value, dict):
        raise TypeError(f"`{key}` is no object")
    return value


def _numbers(data: Mapping[str, Any], key: str) -> tuple[float, ...]:
    return tuple(_number({key: item}, key) or 0.0 for item in _list({key: [], **data}, key))


def _number(data: Mapping[str, Any], key: str) -> float | None:
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"`{key}` is {value!r}, expected a finite number")
    return float(value)
