"""What a feature gets where its value is missing, as the user's training did it."""

from __future__ import annotations

from dataclasses import replace

from contract.artifact.contract import Feature
from contract.errors import InputError
from converter.describe.column import number_of


def with_missing(feature: Feature, given: str | None, *, flag: bool) -> Feature:
    """The feature with what the user says about missing values.

    Args:
        feature: as it is found in the rows.
        given: what training put in place of a missing value; None: as found.
        flag: whether the model has a further input that is 1 where the value is missing.
    Raises:
        InputError: the value is no number for a feature of numbers, or a feature of words gets a flag.
    """
    if flag and feature.kind == "string":
        raise InputError(f"--flag {feature.name}: words have no flag; write --missing {feature.name}=WORD")
    if flag:
        feature = replace(feature, missing="flag", missing_value=feature.missing_value or feature.background or 0.0)
    if given is None:
        return feature
    kept = feature.missing if flag else "value"
    if feature.kind == "string":
        words = tuple(sorted({*feature.vocabulary, given})) if given else feature.vocabulary
        return replace(feature, missing=kept, missing_value=given, vocabulary=words)
    number = number_of(given)
    if number is None:
        raise InputError(f"--missing {feature.name}={given}: expected a number, such as {feature.name}=0")
    return replace(feature, missing=kept, missing_value=number)


def missing_in_words(feature: Feature) -> str | None:
    """What the feature gets where its value is missing; None if it must not be missing."""
    if feature.missing == "error":
        return None
    flagged = f", and {feature.name}_missing is 1" if feature.missing == "flag" else ""
    value = f"{feature.missing_value:g}" if isinstance(feature.missing_value, float) else repr(feature.missing_value)
    return f"{feature.name}: {value} in its place{flagged}"
