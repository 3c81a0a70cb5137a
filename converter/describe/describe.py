"""A sample of rows to the contract of a model for them.

Seen (counts of columns, sample) ─▶ task, labels ─▶ features (kind, range, usual values, profile) ─▶ Described
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import (
    EventWords,
    Feature,
    Measure,
    ModelContract,
    Reads,
    ScoreOutput,
    Task,
    ValueOutput,
)
from contract.artifact.from_json import labels_of_task
from contract.artifact.rules import feature_problem
from contract.artifact.statistics import profile, quantiles, shortest
from contract.errors import InputError
from contract.values import date_part, is_missing
from converter.describe.column import Column, date_of, label_word, number_of, word_of
from converter.describe.kinds import Kind, LeftOut, kind_of
from converter.describe.known_words import known_words
from converter.describe.labels import Labels, labels_of, task_of
from converter.describe.missing import with_missing
from converter.describe.sample import Sample
from converter.describe.seen import Seen

QUANTILE = 0.99
"""Share of the sample's rows that an anomaly detector lets pass, unless a budget of alerts is given."""
SHARE_DIGITS = 6
_DATE_PARTS: tuple[Reads, ...] = ("hour", "weekday")
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user says about the data."""

    name: str
    dataset: str | None = None
    label: str | None = None
    harmless: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    """All labels in the order of the model's outputs; empty: in the alphabet's order."""
    task: Task | None = None
    words: tuple[str, ...] = ()
    """Columns whose values are words, even if they look like numbers."""
    leave_out: tuple[str, ...] = ()
    quantile: float | None = None
    """Of an anomaly detector: the share of rows that do not alert."""
    compared_with: str = "raw"
    """Of an anomaly detector: what its reconstruction is compared with."""
    measure: Measure = "mse"
    missing: Mapping[str, str] = field(default_factory=dict)
    """By column, what training put in place of a missing value."""
    vocabularies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By column, the words that the model looks up, in its order."""
    flags: tuple[str, ...] = ()
    """Columns for which the model has a further input, 1 where the value is missing."""
    by_target: tuple[str, ...] = ()
    """Labels of floods, whose alerts form incidents by target. They make the events network events."""
    own_fields: bool = False
    """The columns are fields of documents already; else they get the dataset in front."""


@dataclass(frozen=True, slots=True)
class Described:
    """The contract, and what a person should know about how it was made."""

    contract: ModelContract
    left_out: tuple[LeftOut, ...]
    rows: int
    broken: int
    """Rows that could not be read."""
    label_words: Mapping[str, str] = field(default_factory=dict)
    """By label, its original spelling where that may not be."""
    notes: tuple[str, ...] = ()
    """What a person should know about the words that the model looks up."""


def describe(seen: Seen, wishes: Wishes) -> Described:
    """Make the contract.

    Raises:
        InputError: a named column does not exist, no feature is left, or a question is open.
    """
    columns = dict(seen.columns)
    _require(columns, wishes)
    label = columns.pop(wishes.label) if wishes.label is not None else None
    task = task_of(label, wishes.task)
    labels = (
        labels_of(label, wishes.harmless, wishes.labels) if label is not None and task == "classification" else None
    )
    _require_floods(labels, wishes)
    looked_up = {name: words for name, words in wishes.vocabularies.items() if name not in wishes.leave_out}
    known = known_words(seen, looked_up, wishes.missing)
    wishes = replace(wishes, vocabularies=known.by_column)
    features, left_out = _features(columns, seen.sample, label, labels, wishes)
    if not features:
        raise InputError(
            f"no column can be a feature: {'; '.join(f'{each.name}: {each.reason}' for each in left_out)}; name a file "
            "with more columns, or write the features into a contract yourself (docs/bring-your-own-model.md)"
        )
    contract = _contract(task, features, labels, seen.rows, wishes)
    contract.check()
    return Described(contract, left_out, seen.rows, seen.broken, labels.respelt if labels else {}, known.notes)


def _require(columns: Mapping[str, Column], wishes: Wishes) -> None:
    for option, names in (
        ("--label", (wishes.label,)),
        ("--words", wishes.words),
        ("--leave-out", wishes.leave_out),
        ("--missing", tuple(wishes.missing)),
        ("--flag", wishes.flags),
    ):
        for name in names:
            if name is not None and name not in columns:
                raise InputError(f"{option} {name}: there is no such column; there are {', '.join(columns)}")


def _require_floods(labels: Labels | None, wishes: Wishes) -> None:
    alerting = [label.family for label in labels.labels if label.severity] if labels is not None else []
    for name in wishes.by_target:
        if labels is None:
            raise InputError(
                f"--by-target {name}: only a classification groups its labels by target; leave the option out, or name "
                "the column of the labels with --label"
            )
        if name not in alerting:
            raise InputError(
                f"--by-target {name}: no label that alerts has this name; take one of {', '.join(alerting)}"
            )


def _features(
    columns: Mapping[str, Column], sample: Sample, label: Column | None, labels: Labels | None, wishes: Wishes
) -> tuple[tuple[Feature, ...], tuple[LeftOut, ...]]:
    harmless = _harmless_rows(sample, label, labels)
    features: list[Feature] = []
    left_out: list[LeftOut] = []
    for column in columns.values():
        kind = _kind(column, label, sample, wishes)
        if isinstance(kind, LeftOut):
            left_out.append(kind)
            continue
        values, usual = ([row.get(column.name) for row in rows] for rows in (sample.rows, harmless))
        made = [
            with_missing(feature, wishes.missing.get(column.name), flag=column.name in wishes.flags)
            for feature in _made(column, kind, _field(column.name, wishes), values, usual)
        ]
        if known := wishes.vocabularies.get(column.name):
            made = [_with_known_words(feature, known) for feature in made]
        problem = feature_problem(made[0]) if made else "its dates have all the same hour and weekday"
        if problem is None:
            features += made
        else:
            left_out.append(LeftOut(column.name, problem))
    return tuple(features), tuple(left_out)


def _kind(column: Column, label: Column | None, sample: Sample, wishes: Wishes) -> Kind | LeftOut:
    if column.name in wishes.leave_out:
        return LeftOut(column.name, "you asked for it")
    looked_up = column.name in wishes.vocabularies and not column.lists
    kind = "string" if looked_up else kind_of(column, words=column.name in wishes.words)
    if not isinstance(kind, LeftOut) and label is not None and _is_leak(column.name, label.name, sample):
        return LeftOut(column.name, f"it equals the label {label.name!r}: each of its values goes with one label")
    return kind


def _made(column: Column, kind: Kind, where: str, values: Sequence[Any], usual: Sequence[Any]) -> list[Feature]:
    if kind == "string":
        return [_of_words(Feature(column.name, where, "string"), column, usual)]
    if kind == "date":
        return _of_dates(Feature(column.name, where, "float"), values, usual)
    feature = Feature(column.name, where, "float", reads="boolean" if kind == "boolean" else "number")
    return [_of_numbers(feature, column, _numbers(values, kind), _numbers(usual, kind))]


def _field(column: str, wishes: Wishes) -> str:
    return column if wishes.own_fields else f"{_dataset(wishes)}.{field_name(column)}"


def _harmless_rows(sample: Sample, label: Column | None, labels: Labels | None) -> list[dict[str, Any]]:
    if labels is None or label is None:
        return sample.rows
    safe = {each.name for each in labels.labels if each.severity == 0}
    name = label.name
    return [row for row in sample.rows if labels.words.get(label_word(row.get(name))) in safe] or sample.rows


def _is_leak(name: str, label: str, sample: Sample) -> bool:
    """Whether each value of a column goes with one label and each label with one value, in rows that repeat them."""
    pairs = Counter(
        (word_of(row.get(name)), label_word(row.get(label))) for row in sample.rows if not is_missing(row.get(name))
    )
    values, labels = {value for value, _ in pairs}, {label for _, label in pairs}
    if all(value == label for value, label in pairs):
        return True
    return len(pairs) == len(values) == len(labels) > 1 and pairs.total() >= 2 * len(pairs)


def _of_words(feature: Feature, column: Column, usual: Sequence[Any]) -> Feature:
    counts = Counter(word_of(value) for value in usual if not is_missing(value))
    total = sum(counts.values())
    shares = [(word, round(n / total, SHARE_DIGITS)) for word, n in counts.items()]
    return replace(
        feature,
        vocabulary=tuple(sorted(column.words)),
        background=counts.most_common(1)[0][0] if counts else None,
        usual_shares=tuple(sorted(shares, key=lambda share: (-share[1], share[0]))),
        missing="value" if column.missing else "error",
        missing_value="" if column.missing else None,
    )


def _with_known_words(feature: Feature, known: tuple[str, ...]) -> Feature:
    """The feature with the words that the model looks up; the shares stay those of the rows."""
    words = set(known)
    shares = tuple((word, share) for word, share in feature.usual_shares if word in words)
    return replace(feature, vocabulary=known, background=shares[0][0] if shares else None, usual_shares=shares)


def _of_numbers(feature: Feature, column: Column, seen: NDArray[np.float32], usual: NDArray[np.float32]) -> Feature:
    if not len(usual):
        usual = seen
    if not len(usual):
        return feature
    counts = np.ones(len(usual), np.int64)
    edges, shares = profile(usual, counts, seen=seen)
    low, middle, high = map(shortest, quantiles(usual, counts))
    is_number = feature.reads == "number"
    return replace(
        feature,
        minimum=shortest(np.float32(column.low)) if is_number else shortest(seen.min()),
        maximum=shortest(np.float32(column.high)) if is_number else shortest(seen.max()),
        background=middle,
        usual_low=low,
        usual_middle=middle,
        usual_high=high,
        profile_edges=tuple(map(shortest, edges)),
        profile_shares=shares,
        missing="value" if column.missing else "error",
        missing_value=middle if column.missing else None,
    )


def _of_dates(feature: Feature, values: Sequence[Any], usual: Sequence[Any]) -> list[Feature]:
    """The hour and the weekday; seconds only grow, so that live ones are always out of range."""
    parts: list[Feature] = []
    gaps = Column(feature.name)
    gaps.add([None] if any(map(is_missing, values)) else [])
    for reads in _DATE_PARTS:
        part = replace(feature, name=f"{feature.name}_{reads}", reads=reads)
        seen = _date_parts(part, values)
        if seen.min() < seen.max():  # a part that is always the same says nothing
            parts.append(_of_numbers(part, gaps, seen, _date_parts(part, usual)))
    return parts


def _date_parts(feature: Feature, values: Sequence[Any]) -> NDArray[np.float32]:
    dates = [date for date in map(date_of, values) if date is not None]
    return np.array([date_part(feature, date) for date in dates], np.float32)


def _numbers(values: Sequence[Any], kind: str) -> NDArray[np.float32]:
    if kind == "boolean":
        return np.array([word_of(value).lower() == "true" for value in values if not is_missing(value)], np.float32)
    return np.array([number for number in map(number_of, values) if number is not None], np.float32)


def _contract(
    task: Task, features: tuple[Feature, ...], labels: Labels | None, rows: int, wishes: Wishes
) -> ModelContract:
    own = {"labels": labels.labels, "families": labels.families} if labels else _own_labels(task)
    training: dict[str, Any] = {"rows": rows}
    if labels is not None:
        training |= {"label": wishes.label, "label_rows": dict(labels.rows)}
        if labels.respelt:
            training["label_words"] = labels.respelt
    elif wishes.label is not None:
        training["label"] = wishes.label
    return ModelContract(
        name=wishes.name,
        features=features,
        usual_of="harmless rows" if labels else "rows",
        training=training,
        task=task,
        dataset=_dataset(wishes),
        event=EventWords() if wishes.by_target else EventWords((), ("info",), (), ("info",)),
        incidents_by=dict.fromkeys(wishes.by_target, "target"),
        value=ValueOutput() if task == "regression" else None,
        score=_score(wishes) if task == "anomaly" else None,
        **own,
    )


def _score(wishes: Wishes) -> ScoreOutput:
    return ScoreOutput(measure=wishes.measure, compared_with=wishes.compared_with, quantile=wishes.quantile or QUANTILE)


def _own_labels(task: Task) -> dict[str, Any]:
    labels, families = labels_of_task(task)
    return {"labels": labels, "families": families}


def _dataset(wishes: Wishes) -> str:
    return wishes.dataset or _NOT_IN_A_NAME.sub("_", wishes.name.lower()).strip("_") or "table"


def field_name(column: str) -> str:
    """A column's name as a field: lower-case letters, digits and `_`; dots stay, they are objects."""
    parts = [_NOT_IN_A_NAME.sub("_", part.lower()).strip("_") for part in column.split(".")]
    return ".".join(part for part in parts if part) or "column"
