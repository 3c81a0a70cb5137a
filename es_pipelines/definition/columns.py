"""Which columns a line has, and which of them the model needs.

    model of KDD columns     all 41 of KDD's            ┐               ┌ needed: a missing value fails the event
    any other model          the model's own features   ┴─▶ columns ─▶ ┴ optional: a missing value stays missing

A sensor does not change its lines when you provision another model. So a line of 41 columns stays one for a model that
reads 26 of them. Columns that the model does not read are typed and mapped like the others, for the next model and for
people.

Several features may read one date, which is one column. A date that Oversight stores itself, such as `@timestamp`, is
no column of the model: the pipelines read it anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from contract.artifact.contract import Feature, ModelContract
from contract.artifact.task_rules import DATE_PARTS
from contract.documents.fields import BY_NAME
from contract.kdd99 import columns as kdd99
from contract.kdd99.labels import LABEL_NAMES, label_names
from contract.values import words_are_numbers


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one line, in order."""

    features: tuple[Feature, ...]
    needed: frozenset[str]
    """Document fields that the model reads."""
    short: tuple[str, ...]
    """Names in a line with only the model's features; empty if that is the whole line, or if the two look the same."""
    aliases: tuple[tuple[str, str], ...] = ()
    """Further names of a column, each with the column's name."""
    labels: tuple[str, ...] = LABEL_NAMES
    """Names of the label's column, in lower case."""


def columns_of(contract: ModelContract) -> Columns:
    """The columns of the lines in which a model's events arrive."""
    own = {column.field: column for column in _own_columns(contract)}
    whole = tuple(own.values())
    if own.keys() <= {kdd99.field_of(column) for column in kdd99.COLUMNS}:
        whole = tuple(own.get(kdd99.field_of(column), _column(column)) for column in kdd99.COLUMNS)
    # The label is one more column: with it, a line of 40 features would look like a whole line without a label.
    short = len(own) + 1 < len(whole)
    names = tuple(column.name for column in own.values())
    return Columns(whole, frozenset(own), names if short else (), tuple(_aliases(whole)), label_names(contract))


def _own_columns(contract: ModelContract) -> Iterator[Feature]:
    """A column for each field that the model reads; of a date the first feature, which may be missing if all may be."""
    readers = Counter(feature.field for feature in contract.features)
    free = _free_leaves(contract.features)
    seen: set[str] = set()
    for feature in contract.features:
        if feature.field in seen or (feature.reads in DATE_PARTS and feature.field in BY_NAME):
            continue
        seen.add(feature.field)
        if readers[feature.field] > 1:
            needed = any(each.field == feature.field and each.missing == "error" for each in contract.features)
            feature = replace(
                feature,
                name=free.get(feature.field, feature.field),
                missing="error" if needed else feature.missing,
            )
        yield feature


def _aliases(columns: tuple[Feature, ...]) -> Iterator[tuple[str, str]]:
    """A file names a date by the last part of its field, the feature by what it takes from the date."""
    free = _free_leaves(columns)
    for column in columns:
        if column.reads in DATE_PARTS and column.field in free:
            yield free[column.field], column.name


def _free_leaves(features: tuple[Feature, ...]) -> dict[str, str]:
    """The last part of each field that no other field ends with, and that is no feature's name."""
    leaves = {feature.field: feature.field.rpartition(".")[2] for feature in features}
    names, times = {feature.name for feature in features}, Counter(leaves.values())
    return {field: leaf for field, leaf in leaves.items() if times[leaf] == 1 and leaf not in names}


def _column(name: str) -> Feature:
    return Feature(name, kdd99.field_of(name), "string" if name in kdd99.CATEGORICAL else "float")


def kind_of(column: Feature) -> str:
    """How the pipelines type a column: float, string, whole (a string; a whole number is a word too), boolean, date."""
    if column.reads in DATE_PARTS:
        return "date"
    if column.reads == "boolean":
        return "boolean"
    return "whole" if column.kind == "string" and words_are_numbers(column) else column.kind
