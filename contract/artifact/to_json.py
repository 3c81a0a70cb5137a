"""Write a contract as plain JSON values, in the lowest format that can express it."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from contract.artifact.contract import EventWords, Feature, Label, ModelContract, ScoreOutput, ValueOutput

CONTRACT_KEYS_2 = ("task", "dataset", "event", "several_labels", "value", "score", "proof", "proved")
"""Keys of a contract that format 1 does not have; absent where they have their default."""
FEATURE_KEYS_2 = ("reads", "origin", "missing", "missing_value")


def contract_to_dict(contract: ModelContract) -> dict[str, Any]:
    """The contract as plain JSON values."""
    features = [feature_to_dict(feature) for feature in contract.features]
    labels = [_label_to_dict(label) for label in contract.labels]
    new = _changed(contract, CONTRACT_KEYS_2)
    is_2 = (
        new or any(set(FEATURE_KEYS_2) & set(item) for item in features) or any("threshold" in item for item in labels)
    )
    return {
        "format": 2 if is_2 else 1,
        "name": contract.name,
        "features": features,
        "labels": labels,
        "families": list(contract.families),
        "novelty_threshold": contract.novelty_threshold,
        "usual_of": contract.usual_of,
        "training": dict(contract.training),
        "libraries": dict(contract.libraries),
        "heldout": dict(contract.heldout),
        **({"incidents_by": dict(contract.incidents_by)} if contract.incidents_by else {}),
        **new,
    }


def _changed(part: Feature | ModelContract, keys: tuple[str, ...]) -> dict[str, Any]:
    """The values of these keys that are not the default."""
    values = {key: getattr(part, key) for key in keys}
    defaults = {each.name: each.default for each in fields(part)}
    kept = {key: value for key, value in values.items() if value not in (defaults[key], {})}
    return {key: _plain(value) for key, value in kept.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, EventWords):
        return {key: list(words) for key, words in asdict(value).items()}
    return asdict(value) if isinstance(value, ValueOutput | ScoreOutput) else value


def feature_to_dict(feature: Feature) -> dict[str, Any]:
    """One feature as plain JSON values."""
    data: dict[str, Any] = {"name": feature.name, "field": feature.field, "kind": feature.kind}
    if feature.kind == "string":
        data["vocabulary"] = list(feature.vocabulary)
        usual: dict[str, Any] = {"usual_shares": dict(feature.usual_shares)}
    else:
        data |= {"minimum": feature.minimum, "maximum": feature.maximum}
        usual = {key: getattr(feature, key) for key in ("usual_low", "usual_middle", "usual_high")}
        usual |= {key: list(getattr(feature, key)) for key in ("profile_edges", "profile_shares")}
    known = {key: value for key, value in usual.items() if value not in (None, {}, [])}
    return data | {"background": feature.background} | known | _changed(feature, FEATURE_KEYS_2)


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
    if label.threshold is not None:
        data["threshold"] = label.threshold
    return data
