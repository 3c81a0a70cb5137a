"""Read a contract from plain JSON values, without trusting them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

from contract.artifact.contract import (
    FORMATS,
    EventWords,
    Feature,
    GroupedBy,
    Label,
    Missing,
    ModelContract,
    Proof,
    Reads,
    ScoreOutput,
    Tactic,
    Task,
    Technique,
    ValueOutput,
)
from contract.artifact.json_reader import JsonObject, raise_problems
from contract.artifact.rules import contract_problems, new_contract_problems
from contract.artifact.to_json import CONTRACT_KEYS_2, FEATURE_KEYS_2
from contract.documents.fields import IGNORE_ABOVE
from contract.errors import ArtifactError, shorten


def contract_from_dict(data: Any, *, written: bool = False) -> ModelContract:
    """Read and check a contract; see `ModelContract.from_json`."""
    if not isinstance(data, dict):
        raise ArtifactError("the contract is not a JSON object")
    if data.get("format") not in FORMATS or isinstance(data.get("format"), bool):
        raise ArtifactError(
            f"the contract has format {shorten(data.get('format'))}, this Oversight reads "
            f"{' and '.join(map(str, FORMATS))}; "
            f'write `"format": {FORMATS[-1]}`, or convert the model with the version of Oversight that serves it'
        )
    problems: list[str] = []
    part = JsonObject(_with_labels(data), problems)
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


def _with_labels(data: dict[str, Any]) -> dict[str, Any]:
    """The values, with the labels of a task of numbers where they name none."""
    task = data.get("task")
    if data["format"] == 1 or "labels" in data or not isinstance(task, str):
        return data
    return {**VERDICTS.get(task, {}), **data}


def _contract_of(part: JsonObject, *, written: bool) -> tuple[ModelContract, ModelContract]:
    """The contract, and a copy with only its readable values, because the rules cannot check unreadable ones."""
    is_2 = part.data["format"] == 2
    if written:
        part.refuse_other_keys((*_KEYS, *(CONTRACT_KEYS_2 if is_2 else ())))
    features = [
        (feature_of(item, written=written, is_2=is_2), item) for item in part.objects("features", _WRITE_FEATURES)
    ]
    labels = [(_label_of(item, written=written, is_2=is_2), item) for item in part.objects("labels", _WRITE_LABELS)]
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
        incidents_by=_grouping(part),
        **(_format_2_of(part, written=written) if is_2 else {}),
    )
    return contract, replace(
        contract,
        name=contract.name or "unreadable",
        features=tuple(feature for feature, item in features if not item.broken),
        labels=tuple(label for label, item in labels if not item.broken),
        families=families or tuple({label.family for label in contract.labels}),
    )


def _grouping(part: JsonObject) -> dict[str, GroupedBy]:
    """How the alerts of each family form incidents."""
    families = JsonObject(part.mapping("incidents_by"), part.problems, "`incidents_by`")
    return {family: families.choice(family, get_args(GroupedBy)) for family in families.data}


def _format_2_of(part: JsonObject, *, written: bool) -> dict[str, Any]:
    """The values of the keys that only format 2 has."""
    value, score, event = (_part_of(part, key) for key in ("value", "score", "event"))
    if written:
        value.refuse_other_keys(ValueOutput.__dataclass_fields__)
        score.refuse_other_keys(ScoreOutput.__dataclass_fields__)
        event.refuse_other_keys(EventWords.__dataclass_fields__)
    return {
        "task": part.choice("task", get_args(Task)),
        "dataset": part.text("dataset", "lower-case letters, digits, `_` and `.`", default=ModelContract.dataset),
        "event": EventWords(**{key: _words(event, key) for key in _EVENT_KEYS}) if event.data else EventWords(),
        "several_labels": part.flag("several_labels"),
        "value": None
        if not value.data
        else ValueOutput(value.text("unit", "text", default=""), value.number("low"), value.number("high")),
        "score": None
        if not score.data
        else ScoreOutput(
            score.number("threshold"),
            alerts=score.choice("alerts", ("above", "below")),
            measure=score.choice("measure", ("score", "mse", "mae")),
            compared_with=score.text("compared_with", '"raw" or the name of a layer', default="raw"),
            quantile=score.number("quantile"),
        ),
        "proof": part.choice("proof", get_args(Proof)),
        "proved": part.mapping("proved"),
    }


def _words(event: JsonObject, key: str) -> tuple[str, ...]:
    return event.texts(key, 'a list of ECS words, such as ["host"]') if key in event.data else ()


def _part_of(part: JsonObject, key: str) -> JsonObject:
    return JsonObject(part.mapping(key), part.problems, f"`{key}`")


VERDICTS: dict[str, dict[str, Any]] = {
    "regression": {
        "labels": [
            {"name": "within_bounds", "family": "normal", "severity": 0},
            {"name": "out_of_bounds", "family": "out_of_bounds", "severity": 50},
        ],
        "families": ["normal", "out_of_bounds"],
    },
    "anomaly": {
        "labels": [
            {"name": "normal", "family": "normal", "severity": 0},
            {"name": "anomaly", "family": "anomaly", "severity": 50},
        ],
        "families": ["normal", "anomaly"],
    },
}
"""Labels and families of a task whose contract names none."""


def labels_of_task(task: Task) -> tuple[tuple[Label, ...], tuple[str, ...]]:
    """Labels and families of a task of numbers, where nobody names others."""
    verdicts = VERDICTS[task]
    return tuple(Label(**label) for label in verdicts["labels"]), tuple(verdicts["families"])


_EVENT_KEYS = tuple(EventWords.__dataclass_fields__)
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
    "incidents_by",
)
_FEATURE_KEYS = tuple(key for key in Feature.__dataclass_fields__ if key not in FEATURE_KEYS_2)
_LABEL_KEYS = tuple(key for key in Label.__dataclass_fields__ if key != "threshold")
_WRITE_FEATURES = (
    'one object for each input of the model, such as {"name": "depth_m", "field": "river.depth_m", "kind": "float"}'
)
_WRITE_LABELS = (
    'one object for each output of the model, in its order, such as {"name": "calm", "family": "calm", "severity": 0}'
)
_WRITE_FAMILIES = 'the list of the families that the labels have, such as ["calm", "danger"]'


def feature_of(part: JsonObject, *, written: bool, is_2: bool) -> Feature:
    """One feature of a contract. A value that cannot be read becomes a harmless default and adds a problem."""
    if written:
        part.refuse_other_keys((*_FEATURE_KEYS, *(FEATURE_KEYS_2 if is_2 else ())))
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
        **(_how_read(part) if is_2 else {}),
    )


def _how_read(part: JsonObject) -> dict[str, Any]:
    missing = part.data.get("missing_value")
    return {
        "reads": part.choice("reads", get_args(Reads)),
        "origin": part.text("origin", "a date such as 2026-01-01T00:00:00Z", default=""),
        "missing": part.choice("missing", get_args(Missing)),
        "missing_value": part.checked_text("`missing_value`", missing)
        if isinstance(missing, str)
        else part.number("missing_value"),
    }


def _shares(part: JsonObject) -> tuple[tuple[str, float], ...]:
    """The shares, commonest word first; the order in the file does not matter."""
    shares = JsonObject(part.mapping("usual_shares"), part.problems, f"{part.place}, `usual_shares`")
    pairs = [(word, shares.number(word) or 0.0) for word in shares.data]
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def _label_of(part: JsonObject, *, written: bool, is_2: bool) -> Label:
    if written:
        part.refuse_other_keys((*_LABEL_KEYS, *(("threshold",) if is_2 else ())))
    return Label(
        name=part.text("name", 'the label, such as "flood"'),
        family=part.text("family", "one of `families`"),
        severity=part.integer("severity", "a whole number from 0 (harmless) to 100"),
        technique=_technique_of(part),
        usual_reasons=part.texts("usual_reasons", "a list of feature names") if "usual_reasons" in part.data else (),
        usual_fall=part.number("usual_fall"),
        threshold=part.number("threshold") if is_2 else None,
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
