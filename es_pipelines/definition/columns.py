"""Which columns a line has, and which of them the model needs.

    model of KDD columns     all 41 of KDD's            ┐               ┌ needed: a missing value fails the event
    any other model          the model's own features   ┴─▶ columns ─▶ ┴ optional: a missing value stays missing

A sensor does not change its lines when you provision another model. So a line of 41 columns stays one for a model that
reads 28 of them. Columns that the model does not read are typed and mapped like the others, for the next model and for
people.
"""

from __future__ import annotations

from dataclasses import dataclass

from contract.artifact.contract import Feature, ModelContract
from contract.kdd99 import columns as kdd99


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one line, in order."""

    features: tuple[Feature, ...]
    needed: frozenset[str]
    """Document fields that the model reads."""
    short: tuple[str, ...]
    """Names in a line with only the model's features; empty if that is the whole line, or if the two look the same."""


def columns_of(contract: ModelContract) -> Columns:
    """The columns of the lines in which a model's events arrive."""
    own = {feature.field: feature for feature in contract.features}
    whole = contract.features
    if own.keys() <= {kdd99.field_of(column) for column in kdd99.COLUMNS}:
        whole = tuple(own.get(kdd99.field_of(column), _column(column)) for column in kdd99.COLUMNS)
    # The label is one more column: with it, a line of 40 features would look like a whole line without a label.
    short = len(own) + 1 < len(whole)
    names = tuple(feature.name for feature in contract.features)
    return Columns(whole, frozenset(own), names if short else ())


def _column(name: str) -> Feature:
    return Feature(name, kdd99.field_of(name), "string" if name in kdd99.CATEGORICAL else "float")
