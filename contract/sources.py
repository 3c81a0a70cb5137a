"""The type that decodes the model's features from a document, generated from the contract.

    {"kdd99": {"src_bytes": 1}}     nested  ┐
    {"kdd99.src_bytes": 1}          dotted  ├──▶ one struct with a place for each spelling of each feature
    {"a": {"b.c": 1}}               mixed   │
    {"kdd99.src_bytes": [1]}        a list  ┘    of one, as the `fields` of a search have it

The struct accepts only values without doubt: a JSON number or a text. For anything else (null, a boolean, a number as
text, a longer list) it raises a `msgspec.ValidationError`. Then `enrich_service.predict.features` reads that document
field by field.

msgspec finds a field at once if it comes right after the one before, as in the struct; otherwise it compares names one
by one. So the struct of a wide model must have the order of the documents. That is seldom the contract's: an ingest
pipeline stores fields in the order of a hash table.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from contract.artifact.contract import ModelContract

NO_NUMBER, NO_WORD = math.nan, None
"""Values of a feature that the document lacks. JSON cannot contain the first, and the type rejects the second."""

_TYPES: dict[str, tuple[Any, Any]] = {"float": (float | tuple[float], NO_NUMBER), "string": (str | tuple[str], NO_WORD)}
"""No limits on lengths: in a union, msgspec (0.18 to 0.23) mixes up those of text and tuple, and crashes."""


_Features = tuple[tuple[str, int, str], ...]
"""Kind, column, and the part of the field's name that is still to be read."""


@dataclass(frozen=True, eq=False, slots=True)
class Level:
    """The objects at one place of a document. Their fields: the features, then the objects below."""

    empty: msgspec.Struct
    """An object without any feature; stands for an absent object."""
    numbers: tuple[int, ...]
    """Columns of `contract.numeric`, ascending."""
    number_places: tuple[int, ...]
    """The field of each of them."""
    words: tuple[int, ...]
    """Columns of `contract.categorical`, ascending."""
    word_places: tuple[int, ...]
    """The field of each of them."""
    below: tuple[Level, ...]

    @property
    def type(self) -> type[msgspec.Struct]:
        """The type of the objects."""
        return type(self.empty)


def source_level(
    contract: ModelContract, *, without: Collection[str] = (), order: Sequence[str] = (), exact: bool = False
) -> Level:
    """The level of whole documents.

    Args:
        contract: the features.
        without: names of features that are read in another way.
        order: document fields in the order in which the struct has them; others follow, in the contract's order.
        exact: accept only the nested spelling, and no other field. Such a struct has half as many places.
    """
    rank = {field: place for place, field in enumerate(order)}
    numeric, categorical = (enumerate(features) for features in (contract.numeric, contract.categorical))
    columns = {feature.name: column for column, feature in (*numeric, *categorical)}
    features = [feature for feature in contract.features if feature.name not in without]
    features.sort(key=lambda feature: rank.get(feature.field, len(rank)))
    return _level(tuple((feature.kind, columns[feature.name], feature.field) for feature in features), {}, exact)


def _level(features: _Features, made: dict[_Features, Level], exact: bool) -> Level:
    """The level of these features; `made` has those that exist already, since parts of a field come several times."""
    if features in made:
        return made[features]
    below: dict[str, list[tuple[str, int, str]]] = {}
    for kind, column, rest in features:
        cuts = [place for place, letter in enumerate(rest) if letter == "."]
        for cut in cuts[:1] if exact else cuts:
            below.setdefault(rest[:cut], []).append((kind, column, rest[cut + 1 :]))
    levels = {name: _level(tuple(features_below), made, exact) for name, features_below in below.items()}
    own = tuple(feature for feature in features if not exact or "." not in feature[2])
    places: list[tuple[str, Any, Any]] = [(rest, *_TYPES[kind]) for kind, _, rest in own]
    places += [(name, level.type, level.empty) for name, level in levels.items()]
    struct = msgspec.defstruct(
        "Source",
        [(f"field_{number}", *place[1:]) for number, place in enumerate(places)],
        rename={f"field_{number}": place[0] for number, place in enumerate(places)},
        frozen=True,
        gc=False,
        forbid_unknown_fields=exact,
    )
    numbers, words = _columns(own, "float"), _columns(own, "string")
    made[features] = Level(
        struct(), tuple(numbers), tuple(numbers.values()), tuple(words), tuple(words.values()), tuple(levels.values())
    )
    return made[features]


def _columns(features: _Features, kind: str) -> dict[int, int]:
    """The place of each column of one kind, by column, ascending."""
    return dict(sorted((column, place) for place, (of, column, _) in enumerate(features) if of == kind))
