"""Picks the model's values out of plain documents, many at once.

    {"kdd99": {"src_bytes": 1, ...}}                nested  ┐              numbers  an array, a row for each document
    {"kdd99.src_bytes": 1, ...}                     dotted  ├─▶ Columns ─▶
    either with [1] for 1, as in a search's fields          ┘              words    a list, document after document

Everything here works on all documents in a few calls, without a line of Python for each. It answers only where nobody
could read a document in two ways; for anything else it raises `OddError`, and the caller looks closer.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import Feature, ModelContract

_NUMBERS = frozenset({int, float})
_WORDS = frozenset({str})
_LISTS = frozenset({list})
_OBJECTS = frozenset({dict})
_ONE = frozenset({1})

_HEAD_BYTES, _FLOAT = 5, ord("g")
"""How marshal's format 2 writes: a list or tuple as its type and its length, a float as its type and eight bytes."""

MANY = 32
"""Documents for which a getter of their own pays."""

Path = tuple[str, ...]


class OddError(Exception):
    """Some of the documents are not plain in this spelling; no document is at fault yet."""


class Spelling:
    """One way to write the fields of one contract; made once for a model."""

    def __init__(self, contract: ModelContract, *, dotted: bool) -> None:
        def path(feature: Feature) -> Path:
            return (feature.field,) if dotted else tuple(feature.field.split("."))

        self._numeric = _Columns([path(feature) for feature in contract.numeric])
        self._categorical = _Columns([path(feature) for feature in contract.categorical])
        self._holders = _holders(contract, [path(feature) for feature in contract.features])

    def values(self, sources: Sequence[Mapping[str, Any]]) -> tuple[NDArray[np.float64], list[str]]:
        """Numbers and words of all documents, each flat or as rows, document after document in the contract's order.

        Their types are certain, a number is an int or a float in JSON; their values are not looked at.

        Raises:
            OddError: a document is spelled otherwise, twice, lacks a value or has one of another type.
        """
        levels: dict[Path, Sequence[Any]] = {(): sources}
        try:
            for holder in self._holders:
                levels[holder.path] = holder.of(levels)
            rows = self._numeric.rows(levels)
            numbers = floats(rows)
            if numbers is None:
                numbers = np.array(_flat(rows, _NUMBERS), np.float64)
            return numbers, _flat(self._categorical.rows(levels), _WORDS)
        except (KeyError, TypeError, OverflowError):
            raise OddError from None


class _Holder:
    """The objects under one path, one a document."""

    def __init__(self, path: Path, keys: set[str], rivals: set[str]) -> None:
        self.path = path
        self._get = itemgetter(path[-1]) if path else None
        self._n_keys = len(keys)
        self._rivals = frozenset(rivals)

    def of(self, levels: Mapping[Path, Sequence[Any]]) -> Sequence[Any]:
        """The objects; none of them spells a field in another way too."""
        found = levels[()] if self._get is None else list(map(self._get, levels[self.path[:-1]]))
        if not _OBJECTS.issuperset(map(type, found)):
            raise OddError
        # an object of exactly as many keys has, if all of ours are found later, no other
        if self._rivals and {*map(len, found)} - {self._n_keys} and not all(map(self._rivals.isdisjoint, found)):
            raise OddError
        return found


class _Columns:
    """Features of one type, grouped by the object that holds them."""

    def __init__(self, paths: Sequence[Path]) -> None:
        groups: dict[Path, list[int]] = {}
        for position, path in enumerate(paths):
            groups.setdefault(path[:-1], []).append(position)
        self._groups = [
            _Group(holder, [paths[position][-1] for position in places]) for holder, places in groups.items()
        ]
        order = [position for positions in groups.values() for position in positions]
        self._back = None if order == sorted(order) else _getter([order.index(i) for i in range(len(order))])

    def rows(self, levels: Mapping[Path, Sequence[Any]]) -> list[tuple[Any, ...]]:
        """The values of each document in the features' order; no rows where there is no feature."""
        found = [group.rows(levels[group.holder]) for group in self._groups]
        if len(found) < 2:
            return found[0] if found else []
        joined = [tuple(chain.from_iterable(parts)) for parts in zip(*found, strict=True)]
        return joined if self._back is None else list(map(self._back, joined))


class _Group:
    """Values that stand in one object."""

    def __init__(self, holder: Path, keys: Sequence[str]) -> None:
        self.holder, self._keys = holder, keys
        self._get = _getter(keys)

    def rows(self, objects: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        """The values of each object, in the order of the keys.

        A decoder makes one text of a key for all documents. Asked with that very text, a dict compares no letters, and
        answers in half the time.
        """
        if len(objects) < MANY:
            return list(map(self._get, objects))
        theirs = {key: key for key in objects[0]}
        return list(map(_getter([theirs.get(key, key) for key in self._keys]), objects))


def floats(rows: list[tuple[Any, ...]] | list[list[Any]]) -> NDArray[np.float64] | None:
    """The rows, lists or tuples of one length, as an array where each value is a float, as JSON from Elasticsearch has
    them; else None.

    NumPy would take a boolean or text for a number without a word, and asking each value for its type costs as much as
    all the rest. What marshal writes holds types and values side by side, in one call; it is only looked at, never
    loaded.
    """
    n_columns = len(rows[0]) if rows else 0
    try:
        data = marshal.dumps(rows, 2)
    except ValueError:  # a value is nested too deep
        return None
    if not n_columns or len(data) != _HEAD_BYTES + len(rows) * (_HEAD_BYTES + n_columns * 9):
        return None
    values = np.frombuffer(data, _written(n_columns), offset=_HEAD_BYTES)["values"]
    return values["float"] if (values["type"] == _FLOAT).all() else None


@lru_cache(64)  # a tensor is one row of any length
def _written(n_columns: int) -> np.dtype[np.void]:
    """A tuple of so many floats, as marshal writes it."""
    return np.dtype([("head", f"V{_HEAD_BYTES}"), ("values", [("type", "u1"), ("float", "<f8")], n_columns)])


def _flat(rows: list[tuple[Any, ...]], types: frozenset[type]) -> list[Any]:
    """The values of all rows, each of one of these types or alone in a list."""
    flat = list(chain.from_iterable(rows))
    found = {*map(type, flat)}
    if found == _LISTS:
        if {*map(len, flat)} != _ONE:
            raise OddError
        flat = list(chain.from_iterable(flat))
        found = {*map(type, flat)}
    if not found <= types:
        raise OddError
    return flat


def _holders(contract: ModelContract, paths: Sequence[Path]) -> list[_Holder]:
    """Every object on the way to a value, the outer ones first, with the keys that would spell a field otherwise."""
    ours: dict[Path, set[str]] = {(): set()}
    rivals: dict[Path, set[str]] = {(): set()}
    for path, field in zip(paths, contract.fields, strict=True):
        for depth, key in enumerate(path):
            ours.setdefault(path[:depth], set()).add(key)
            rest = field.split(".")[depth:]
            others = {".".join(rest[: n + 1]) for n in range(len(rest))} - {key}
            rivals.setdefault(path[:depth], set()).update(others)
    return [_Holder(path, ours[path], rivals[path] - ours[path]) for path in sorted(ours, key=len)]


def _getter(keys: Sequence[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """`itemgetter` that gives a tuple for one key too."""
    if len(keys) == 1:
        return lambda holder: (holder[keys[0]],)
    return itemgetter(*keys)
