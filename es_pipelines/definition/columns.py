"""Which columns a line holds, and which of them the model needs.

    model of KDD columns     KDD's 41, whatever the model reads ┐               ┌ needed: a gap fails the event
    any other model          its own features                   ┴─▶ columns ─▶ ┴ optional: a gap stays a gap

A sensor writes what it writes: a line of 41 columns stays one when a model that reads 28 of them is provisioned, and
what the model does not read is typed and mapped like the rest, for the next model and for people.
"""

from __future__ import annotations

from dataclasses import dataclass

from contract.artifact.contract import Feature, ModelContract
from contract.kdd99 import columns as kdd99


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one line, in its order."""

    features: tuple[Feature, ...]
    needed: frozenset[str]
    """Document fields that the model reads."""
    short: tuple[str, ...]
    """Names in a line that holds the model's features alone; empty where that is the whole line, or cannot be told
    apart.
    """


def columns_of(contract: ModelContract) -> Columns:
    """The columns of the lines that a model's events come in."""
    own = {feature.field: feature for feature in contract.features}
    whole = contract.features
    if own.keys() <= {kdd99.field_of(column) for column in kdd99.COLUMNS}:
        whole = tuple(own.get(kdd99.field_of(column), _column(column)) for column in kdd99.COLUMNS)
    # The label is one column more: with it, a line of 40 features would look like a whole one without.
    short = len(own) + 1 < len(whole)
    names = tuple(feature.name for feature in contract.features)
    return Columns(whole, frozenset(own), names if short else ())


def _column(name: str) -> Feature:
    return Feature(name, kdd99.field_of(name), "string" if name in kdd99.CATEGORICAL else "float")
