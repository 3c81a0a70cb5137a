"""The rules for a contract: names can be shown, fields are free, numbers fit together.

Each rule returns its problems as sentences: the feature or label, what is wrong, what to write.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

from contract.artifact.task_rules import DATE_PARTS, input_problems, task_problems
from contract.artifact.text import text_problem
from contract.documents.fields import BY_NAME, DERIVED_FROM_KDD, RESERVED

if TYPE_CHECKING:
    from contract.artifact.contract import Feature, Label, ModelContract

SHARES_TOLERANCE = 1e-3
"""Shares are rounded; their sum may exceed 1 by this much."""
MAX_EDGES = 64
"""Largest number of inner edges of a profile. Bins cost time at every page; a profile of quantiles has about ten."""
MAX_FIELD_DEPTH = 16
"""Largest depth of a field. Engines stop at 20 objects, and rejected values are stored two levels deeper."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_NOT_IN_A_FIELD = re.compile(r'[*,|="\\]')
"""Characters with a meaning in a list of fields, or in the pipelines' own lists."""
_NUMBERS, _WORDS = ("long", "float"), ("keyword",)


def contract_problems(contract: ModelContract, *, whole: bool = True) -> list[str]:
    """All problems because of which a contract cannot be used, even in an existing artifact.

    Args:
        contract: the contract, or its readable values.
        whole: the contract has all its values, so that features and labels can be counted.
    """
    return [
        *(_count_problems(contract) if whole else ()),
        *_name_problems(contract.name),
        *_features_problems(contract.features),
        *_label_problems(contract.labels, contract.families),
        *(_usual_reason_problems(contract) if whole else ()),
        *_threshold_problems(contract.novelty_threshold),
        *(task_problems(contract) if whole else ()),
        *_label_rows_problems(contract.training.get("label_rows")),
    ]


def new_contract_problems(contract: ModelContract) -> list[str]:
    """Further problems of a contract that a person writes now. Existing artifacts with them are still served."""
    problems = []
    if not any(_name_problems(contract.name)) and not _NAME.fullmatch(contract.name):
        problems.append(
            f"`name` is {contract.name!r}, which becomes part of paths and addresses; write lower-case "
            "letters, digits, "
            f"`-`, `_` and `.`, beginning with a letter or digit"
        )
    for feature in contract.features:
        problems += [f"feature {feature.name!r}: {problem}" for problem in _new_feature_problems(feature)]
    problems += [
        f"`incidents_by` names {family!r}, which is not in `families`; correct it, or leave it out"
        for family in contract.incidents_by
        if family not in contract.families
    ]
    return problems


def _new_feature_problems(feature: Feature) -> Iterator[str]:
    from contract.kdd99.labels import DIFFICULTY_NAMES, LABEL_NAMES  # here: a circular import at the top

    if feature.name.lower() in {*LABEL_NAMES, *DIFFICULTY_NAMES} - {"label"}:
        yield "files use this name for the column of the label or its difficulty; write another name"
    if "|" in feature.name or "=" in feature.name:
        yield "`|` and `=` cannot be in a name; write `_`, say"


def _count_problems(contract: ModelContract) -> Iterator[str]:
    if not contract.features:
        yield "`features` is empty; write one object for each input of the model"
    if len(contract.labels) < 2:
        yield "`labels` has fewer than two entries; write one for each output of the model"


def _name_problems(name: str) -> Iterator[str]:
    if not name.strip():
        yield '`name` is empty; write a name such as "rivers"'
    elif "/" in name or "\\" in name or ".." in name:
        yield f"`name` is {name!r}, and becomes part of paths; write it without `/`, `\\` and `..`"


def _threshold_problems(threshold: float | None) -> Iterator[str]:
    if threshold is not None and not 0.0 <= threshold <= 1.0:
        yield f"`novelty_threshold` is {threshold}, expected 0 to 1; write null for a model without a novelty"


def _label_rows_problems(rows: Any) -> Iterator[str]:
    if rows is None:
        return
    if not isinstance(rows, dict) or any(
        isinstance(n, bool) or not isinstance(n, int | float) or n < 0 for n in rows.values()
    ):
        yield '`training.label_rows` must be an object of label and number of rows, such as {"calm": 900, "flood": 100}'


def _duplicates(what: str, values: Iterable[str]) -> Iterator[str]:
    for value, times in Counter(values).items():
        if times > 1:
            yield f"{what} {value!r} occurs twice; leave one out, or give it another name"


def _features_problems(features: tuple[Feature, ...]) -> Iterator[str]:
    yield from _duplicates("feature name", (feature.name for feature in features))
    yield from _duplicates("feature field", (f.field for f in features if f.reads not in DATE_PARTS))
    parts = {f.field: f.name for f in features if f.reads in DATE_PARTS}
    for feature in features:
        if feature.field in parts and feature.reads not in DATE_PARTS:
            other = parts[feature.field]
            yield f"feature {feature.name!r}: its field {feature.field!r} is a date for {other!r}; write another field"
    yield from _nesting_problems(features)
    with_kdd = any(feature.field.startswith("kdd99.") for feature in features)
    for feature in features:
        rules = [
            *_feature_problems(feature),
            *_field_problems(feature, with_kdd=with_kdd),
            *_usual_problems(feature),
            *input_problems(feature),
        ]
        for problem in rules:
            yield f"feature {feature.name!r}: {problem}"


def usual_values_problems(features: tuple[Feature, ...]) -> list[str]:
    """The problems of features of which only the usual values are given."""
    problems = [f"feature {feature.name!r}: {problem}" for feature in features for problem in _usual_problems(feature)]
    return [*_duplicates("feature name", (feature.name for feature in features)), *problems]


def feature_problem(feature: Feature) -> str | None:
    """Why a new contract cannot have a feature of this name and field; None if it can."""
    of_field = _field_problems(feature, with_kdd=feature.field.startswith("kdd99."))
    return next(chain(_new_feature_problems(feature), _feature_problems(feature), of_field), None)


def _nesting_problems(features: tuple[Feature, ...]) -> Iterator[str]:
    """A document cannot hold a value and an object in the same field."""
    owner = {feature.field: feature.name for feature in features}
    for feature in features:
        for parent in _parents(feature.field):
            if parent in owner:
                yield (
                    f"feature {owner[parent]!r}: its field {parent!r} is the parent of {feature.field!r}, the field of "
                    f"{feature.name!r}; write a field of its own, such as {parent + '.value'!r}"
                )


def _parents(field: str) -> list[str]:
    parts = field.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _feature_problems(feature: Feature) -> Iterator[str]:
    if not feature.name.strip():
        yield "its `name` is empty; write one"
    if feature.name.lower() == "label":
        yield "`label` is the name of the column of the label; write another name"
    if feature.kind == "float" and feature.vocabulary:
        yield 'a float has no `vocabulary`; leave it out, or write "kind": "string"'
    if feature.kind == "string" and not feature.vocabulary:
        yield "a string needs a vocabulary; write `vocabulary`, the list of its words in the order of their codes"
    for word, times in Counter(feature.vocabulary).items():
        if times > 1:
            yield f"`vocabulary` names {word!r} twice; leave one out"
    low, high = feature.minimum, feature.maximum
    if low is not None and high is not None and low > high:
        yield f"`minimum` is {low:g} and above `maximum`, {high:g}; write the smaller number as `minimum`"
    if isinstance(feature.background, str) != (feature.kind == "string") and feature.background is not None:
        wanted = "a word" if feature.kind == "string" else "a number"
        yield f"`background` is {feature.background!r}; write {wanted}, or leave it out"


def _field_problems(feature: Feature, *, with_kdd: bool) -> Iterator[str]:
    """Whether a field can hold a feature: no other part writes it, and its mapping fits."""
    field = feature.field
    above = [*_parents(field), field]
    reserved = next((name for name in above if name in RESERVED), None)
    mapped = BY_NAME.get(field)
    if any(not part.strip() for part in field.split(".")) or _NOT_IN_A_FIELD.search(field):
        yield (
            f"the field {field!r} is not a valid field name; write names with `.` between them, without any "
            'of * , | = " \\'
        )
    elif len(above) > MAX_FIELD_DEPTH:
        yield f"its field is {len(above)} objects deep; write {MAX_FIELD_DEPTH} at most"
    elif field.startswith("_"):
        yield f"the field {field!r} begins with `_`, which is reserved for the engine; write another field"
    elif feature.reads in DATE_PARTS and (field == "@timestamp" or (mapped is not None and mapped.kind == "date")):
        return
    elif reserved is not None:
        below = "" if reserved == field else f" is below {reserved!r}, which"
        suggestion = f"mine.{field.rpartition('.')[2]}"
        yield f"the field {field!r}{below} is written by Oversight; write a field of your own, such as {suggestion!r}"
    elif with_kdd and field in DERIVED_FROM_KDD:
        yield f"the field {field!r} is written from the columns of KDD Cup 99; write a field of your own"
    elif mapped is not None and mapped.kind not in _mappings(feature):
        yield (
            f"the field {field!r} is stored as {mapped.kind}, and the feature is a {feature.kind}; write a "
            "field of your own"
        )
    elif mapped is None and any(name in BY_NAME for name in _parents(field)):
        parent_field = next(name for name in _parents(field) if name in BY_NAME)
        yield f"the field {field!r} is below {parent_field!r}, which holds a value; write another field"
    elif mapped is None and field in _PARENT_FIELDS:
        yield f"the field {field!r} is an object that holds other fields; write a field below it or elsewhere"


def _mappings(feature: Feature) -> tuple[str, ...]:
    """The mappings that can hold a feature's values."""
    if feature.reads in DATE_PARTS:
        return ("date",)
    if feature.reads == "boolean":
        return ("boolean",)
    return _NUMBERS if feature.kind == "float" else _WORDS


_PARENT_FIELDS = frozenset(parent for name in (*BY_NAME, *RESERVED) for parent in _parents(name))


def _usual_problems(feature: Feature) -> Iterator[str]:
    quantiles = [feature.usual_low, feature.usual_middle, feature.usual_high]
    known = [quantile for quantile in quantiles if quantile is not None]
    if known != sorted(known):
        yield f"`usual_low`, `usual_middle`, `usual_high` are {quantiles}, expected ascending"
    words = set(feature.vocabulary)
    for word, _ in feature.usual_shares:
        if word not in words:
            yield f"`usual_shares` names {word!r}, which is not in its vocabulary; leave it out"
    shares = [share for _, share in feature.usual_shares]
    if any(not 0.0 <= share <= 1.0 for share in shares) or sum(shares) > 1.0 + SHARES_TOLERANCE:
        yield "`usual_shares` are not shares of one whole; write numbers from 0 to 1, together 1 at most"
    edges, bins = feature.profile_edges, feature.profile_shares
    if feature.kind == "string" and (edges or bins):
        yield "a string has no profile of numbers; its `usual_shares` are its profile"
    else:
        yield from profile_problems(edges, bins, tolerance=SHARES_TOLERANCE)


def _label_problems(labels: tuple[Label, ...], families: tuple[str, ...]) -> Iterator[str]:
    from contract.kdd99.columns import UNKNOWN_LABEL  # here: a circular import at the top

    yield from _duplicates("label", (label.name for label in labels))
    yield from _duplicates("family", families)
    if any(not family.strip() for family in families):
        yield "`families` holds an empty name; write one"
    known = set(families)
    for label in labels:
        if not label.name.strip():
            yield "a label has an empty `name`; write one"
        if label.name == UNKNOWN_LABEL:
            yield (
                f"label {label.name!r}: this name is the verdict on rows unlike anything in training; "
                f"write another name, such as 'other'"
            )
        if label.family not in known:
            yield f"label {label.name!r}: its family {label.family!r} is not in `families`; add it there"
        if not 0 <= label.severity <= 100:
            yield f"label {label.name!r}: `severity` is {label.severity}, expected 0 (harmless) to 100"
        yield from _link_problems(label)


def _usual_reason_problems(contract: ModelContract) -> Iterator[str]:
    names = {feature.name for feature in contract.features}
    for label in contract.labels:
        for reason in label.usual_reasons:
            if reason not in names:
                yield f"label {label.name!r}: `usual_reasons` names {reason!r}, which is no feature; correct it"
        yield from _duplicates(f"usual reason of label {label.name!r}:", label.usual_reasons)
        if label.usual_reasons and (label.usual_fall is None or label.usual_fall < 0):
            yield (
                f"label {label.name!r}: `usual_fall` is {label.usual_fall}; write a number of at least 0, or leave "
                f"`usual_reasons` out"
            )


def _link_problems(label: Label) -> Iterator[str]:
    """Pages of ATT&CK become links that people click."""
    technique = label.technique
    if technique is None:
        return
    for link in (technique.reference, technique.sub_reference, technique.tactic.reference):
        if link and (not link.startswith(("https://", "http://")) or text_problem(link, longest=2048)):
            yield f"label {label.name!r}: `reference` is {link!r}; write an address that begins with https://"


def profile_problems(edges: Sequence[float], shares: Sequence[float], *, tolerance: float) -> list[str]:
    """The problems of a float feature's profile, one sentence each; empty if there is no profile.

        edges   e0 < e1 < ... < ek          shares, one more than edges, sum 1
        bins    (-inf, e0]  (e0, e1]  ...  (ek, inf)

    Args:
        edges: inner edges of the bins.
        shares: shares of the bins.
        tolerance: how far the sum of the shares may be from 1, because they are rounded.
    """
    if not edges and not shares:
        return []
    problems = []
    if any(low >= high for low, high in pairwise(edges)):
        problems.append("`profile_edges` are not ascending; write each edge once, the smallest first")
    if not 1 <= len(edges) <= MAX_EDGES or len(shares) != len(edges) + 1:
        problems.append(
            f"the profile has {len(edges)} edges and {len(shares)} shares, "
            f"expected 1 to {MAX_EDGES} edges and one share more"
        )
    if any(not 0.0 <= share <= 1.0 for share in shares) or abs(sum(shares) - 1.0) > tolerance:
        problems.append("`profile_shares` do not sum to 1; write the share of the rows in each bin")
    return problems
