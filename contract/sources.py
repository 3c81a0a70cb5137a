"""The type that decodes the model's features from a document, generated from the contract.

    {"kdd99": {"src_bytes": 1}}     nested  ┐
    {"kdd99.src_bytes": 1}          dotted  ├──▶ one struct with a place for each spelling of each feature
    {"a": {"b.c": 1}}               mixed   │
    {"kdd99.src_bytes": [1]}        a list  ┘    of one, as the `fields` of a search have it

The struct accepts only values without doubt: a JSON number or a text. For anything else (null, a boolean, a number as
text, a longer list) it raises a `msgspec.ValidationError`. Then `enrich_service.predict.features` reads that document
field by field.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from contract.artifact.contract import ModelContract

NO_NUMBER, NO_WORD = math.nan, None
"""Values of a feature that the document lacks. JSON cannot contain the first, and the type rejects the second."""

_TYPES: dict[str, tuple[Any, Any]] = {"float": (float | tuple[float], NO_NUMBER), "string": (str | tuple[str], NO_WORD)}
"""No limits on lengths: in a union, msgspec (0.18 to 0.23) mixes up those of text and tuple, and crashes."""


@dataclass(frozen=True, eq=False, slots=True)
class Level:
    """The objects at one place of a document. Their fields: the numbers, then the words, then the objects below."""

    empty: msgspec.Struct
    """An object without any feature; stands for an absent object."""
    numbers: tuple[int, ...]
    """Columns of `contract.numeric`."""
    words: tuple[int, ...]
    """Columns of `contract.categorical`."""
    below: tuple[Level, ...]

    @property
    def type(self) -> type[msgspec.Struct]:
        """The type of the objects."""
        return type(self.empty)


def source_level(contract: ModelContract, *, without: Collection[str] = ()) -> Level:
    """The level of whole documents.

    Args:
        contract: the features.
        without: names of features that are read in another way.
    """
    return _level(
        tuple(
            (kind, column, feature.field)
            for kind, features in (("float", contract.numeric), ("string", contract.categorical))
            for column, feature in enumerate(features)
            if feature.name not in without
        )
    )


@cache
def _level(features: tuple[tuple[str, int, str], ...]) -> Level:
    """The level of these features: kind, column, and the part of the field's name that is still to be read."""
    below: dict[str, list[tuple[str, int, str]]] = {}
    for kind, column, rest in features:
        for cut in (place for place, letter in enumerate(rest) if letter == "."):
            below.setdefault(rest[:cut], []).append((kind, column, rest[cut + 1 :]))
    levels = {name: _level(tuple(features_below)) for name, features_below in below.items()}
    places: list[tuple[str, Any, Any]] = [(rest, *_TYPES[kind]) for kind, _, rest in features]
    places += [(name, level.type, level.empty) for name, level in levels.items()]
    struct = msgspec.defstruct(
        "Source",
        [(f"field_{number}", *place[1:]) for number, place in enumerate(places)],
        rename={f"field_{number}": place[0] for number, place in enumerate(places)},
        frozen=True,
        gc=False,
    )
    return Level(
        struct(),
        tuple(column for kind, column, _ in features if kind == "float"),
        tuple(column for kind, column, _ in features if kind == "string"),
        tuple(levels.values()),
    )
