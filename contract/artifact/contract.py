"""The contract inside an artifact: its inputs, its outputs, and what the outputs mean.

An artifact is one file, `model.onnx`. Its `metadata_props` hold this contract as JSON under `METADATA_KEY`.

    numeric      float32 (rows, n_numeric)       the float features, raw, in the contract's order   ┐ inputs; one is
    categorical  string  (rows, n_categorical)   the string features, raw, in the contract's order  ┘ absent if n = 0
    probabilities float32 (rows, n_labels)       calibrated, in the order of `labels`               ┐ outputs
    novelty       float32 (rows,)                0 to 1; absent if the contract has no threshold    ┘
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from contract.artifact.json_reader import JsonObject, parse, raise_problems
from contract.artifact.rules import contract_problems, new_contract_problems
from contract.documents.fields import IGNORE_ABOVE
from contract.errors import ArtifactError, shorten

METADATA_KEY = "oversight.contract"
FORMAT = 1
"""Version of the format; any other is refused. Raise it if an older reader could misread a newer contract."""

NUMERIC_INPUT, CATEGORICAL_INPUT = "numeric", "categorical"
PROBABILITIES_OUTPUT, NOVELTY_OUTPUT = "probabilities", "novelty"
VERSION_DIGITS = 12
"""`oversight.model.version` is this many hex digits of the file's SHA-256."""
FeatureKind = Literal["float", "string"]


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
        if not isinstance(data, dict):
            raise ArtifactError("the contract is not a JSON object")
        if data.get("format") != FORMAT or isinstance(data.get("format"), bool):
            raise ArtifactError(
                f"the contract has format {shorten(data.get('format'))}, this Oversight reads {FORMAT}; "
                f'write `"format": {FORMAT}`, or convert the model with the version of Oversight that serves it'
            )
        problems: list[str] = []
        part = JsonObject(data, problems)
        contract, readable = _contract_of(part, written=written)
        whole = contract == readable and not part.broken
        raise_problems(
            [
                *problems,
                *contract_problems(readable, whole=whole),
                *(new_contract_problems(readable) if written else []),
            ]
        )
        return contract

    def check(self) -> None:
        """Check that the parts of the contract fit together.

        Raises:
            ArtifactError: names every part that does not.
        """
        raise_problems([*contract_problems(self), *new_contract_problems(self)])


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


def _contract_of(part: JsonObject, *, written: bool) -> tuple[ModelContract, ModelContract]:
    """The contract, and a copy with only its readable values, because the rules cannot check unreadable ones."""
    if written:
        part.refuse_other_keys(_KEYS)
    features = [(_feature_of(item, written=written), item) for item in part.objects("features", _WRITE_FEATURES)]
    labels = [(_label_of(item, written=written), item) for item in part.objects("labels", _WRITE_LABELS)]
    families = () if part.missing("families", _WRITE_FAMILIES) else part.texts("families", _WRITE_FAMILIES)
    contract = ModelContract(
        name=part.text("name", 'a name such as "rivers"'),
        features=tuple(feature for feature, _ in features),
        labels=tuple(label for label, _ in labels),
        families=families,
        novelty_threshold=part.number("novelty_threshold"),
        usual_of=part.text("usual_of", "text", default=ModelContract.usual_of),
        training=part.mapping("training"),
        libraries=part.mapping("libraries"),
        heldout=part.mapping("heldout"),
    )
    return contract, replace(
        contract,
        name=contract.name or "unreadable",
        features=tuple(feature for feature, item in features if not item.broken),
        labels=tuple(label for label, item in labels if not item.broken),
        families=families or tuple({label.family for label in contract.labels}),
    )


_KEYS = (
    "format",
    "name",
    "features",
    "labels",
    "families",
    "novelty_threshold",
    "usual_of",
    "training",
    "libraries",
    "heldout",
)
_FEATURE_KEYS = tuple(Feature.__dataclass_fields__)
_LABEL_KEYS = tuple(Label.__dataclass_fields__)
_WRITE_FEATURES = (
    'one object for each input of the model, such as {"name": "depth_m", "field": "river.depth_m", "kind": "float"}'
)
_WRITE_LABELS = (
    'one object for each output of the model, in its order, such as {"name": "calm", "family": "calm", "severity": 0}'
)
_WRITE_FAMILIES = 'the list of the families that the labels have, such as ["calm", "danger"]'


def _feature_of(part: JsonObject, *, written: bool) -> Feature:
    if written:
        part.refuse_other_keys(_FEATURE_KEYS)
    kind = part.text("kind", '"float" or "string"')
    if kind not in ("float", "string") and part.data.get("kind"):
        part.report(f'`kind` is {shorten(kind)}; write "float" or "string"')
    background = part.data.get("background")
    words = "a list of the words in the order of their codes, as text"
    return Feature(
        name=part.text("name", 'a name such as "depth_m"'),
        field=part.text("field", 'where a document has the value, such as "river.depth_m"'),
        kind="string" if kind == "string" else "float",
        vocabulary=part.texts("vocabulary", words, longest=IGNORE_ABOVE) if "vocabulary" in part.data else (),
        minimum=part.number("minimum"),
        maximum=part.number("maximum"),
        background=part.checked_text("`background`", background)
        if isinstance(background, str)
        else part.number("background"),
        usual_low=part.number("usual_low"),
        usual_middle=part.number("usual_middle"),
        usual_high=part.number("usual_high"),
        usual_shares=_shares(part),
        profile_edges=part.numbers("profile_edges"),
        profile_shares=part.numbers("profile_shares"),
    )


def _shares(part: JsonObject) -> tuple[tuple[str, float], ...]:
    """The shares, commonest word first; the order in the file does not matter."""
    shares = JsonObject(part.mapping("usual_shares"), part.problems, f"{part.place}, `usual_shares`")
    pairs = [(word, shares.number(word) or 0.0) for word in shares.data]
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


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
    if label.usual_reasons:
        data |= {"usual_reasons": list(label.usual_reasons), "usual_fall": label.usual_fall}
    return data


def _label_of(part: JsonObject, *, written: bool) -> Label:
    if written:
        part.refuse_other_keys(_LABEL_KEYS)
    return Label(
        name=part.text("name", 'the label, such as "flood"'),
        family=part.text("family", "one of `families`"),
        severity=part.integer("severity", "a whole number from 0 (harmless) to 100"),
        technique=_technique_of(part),
        usual_reasons=part.texts("usual_reasons", "a list of feature names") if "usual_reasons" in part.data else (),
        usual_fall=part.number("usual_fall"),
    )


def _technique_of(label: JsonObject) -> Technique | None:
    data = label.mapping("technique")
    if not data:
        return None
    part = JsonObject(data, label.problems, f"{label.place}, `technique`")
    part.refuse_other_keys(Technique.__dataclass_fields__)
    tactic = JsonObject(part.mapping("tactic"), label.problems, f"{label.place}, `tactic`")
    tactic.refuse_other_keys(Tactic.__dataclass_fields__)
    return Technique(
        *_named(part),
        tactic=Tactic(*_named(tactic)),
        **{key: part.text(key, "text") for key in _SUB_KEYS if part.data.get(key) is not None},
    )


def _named(part: JsonObject) -> tuple[str, str, str]:
    """Id, name and page."""
    write = "text, as ATT&CK has it"
    return part.text("id", write), part.text("name", write), part.text("reference", write)


_SUB_KEYS = ("sub_id", "sub_name", "sub_reference")
