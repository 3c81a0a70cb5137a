"""Picks the model's values out of plain documents, many at once.

    {"kdd99": {"src_bytes": 1, ...}}                nested  ┐               numbers  one list, document after document
    {"kdd99.src_bytes": 1, ...}                     dotted  ├─▶ Columns ──▶
    either with [1] for 1, as in a search's fields          ┘               words    the same

Everything here works on all documents in a few calls, without a line of Python for each. It answers only where nobody
could read a document in two ways; for anything else it raises `OddError`, and the caller looks closer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from contract.artifact import Feature, ModelContract

_NUMBERS = frozenset({int, float})
_WORDS = frozenset({str})
_LISTS = frozenset({list})
_OBJECTS = frozenset({dict})
_ONE = frozenset({1})

Path = tuple[str, ...]


class OddError(Exception):
    """Some of the documents are not plain in this spelling; no document is at fault yet."""


class Spelling:
    """One way to write the fields of one contract; made once for a model."""

    def __init__(self, contract: ModelContract, *, dotted: bool) -> None:
        def path(feature: Feature) -> Path:
            return (feature.field,) if dotted else tuple(feature.field.split("."))

        self._numeric = _Columns([path(feature) for feature in contract.numeric], _NUMBERS)
        self._categorical = _Columns([path(feature) for feature in contract.categorical], _WORDS)
        self._holders = _holders(contract, [path(feature) for feature in contract.features])

    def values(self, sources: Sequence[Mapping[str, Any]]) -> tuple[list[Any], list[Any]]:
        """Numbers and words of all documents in the contract's order, each in one flat list.

        Their types are certain: int or float, and str. Their values are not looked at.

        Raises:
            OddError: a document is spelled otherwise, twice, lacks a value or has one of another type.
        """
        levels: dict[Path, Sequence[Any]] = {(): sources}
        try:
            for holder in self._holders:
                levels[holder.path] = holder.of(levels)
            return self._numeric.values(levels), self._categorical.values(levels)
        except (KeyError, TypeError):
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

    def __init__(self, paths: Sequence[Path], types: frozenset[type]) -> None:
        self._types = types
        groups: dict[Path, list[int]] = {}
        for position, path in enumerate(paths):
            groups.setdefault(path[:-1], []).append(position)
        self._groups = [
            (holder, _getter([paths[position][-1] for position in positions])) for holder, positions in groups.items()
        ]
        order = [position for positions in groups.values() for position in positions]
        self._back = None if order == sorted(order) else _getter([order.index(i) for i in range(len(order))])

    def values(self, levels: Mapping[Path, Sequence[Any]]) -> list[Any]:
        """Document after document, each in the features' order."""
        rows: Any = [map(getter, levels[holder]) for holder, getter in self._groups]
        if len(rows) > 1:
            rows = [map(chain.from_iterable, zip(*rows, strict=True))]
        if self._back is not None:
            rows = [map(self._back, map(tuple, rows[0]))]
        return self._plain(list(chain.from_iterable(rows[0]))) if rows else []

    def _plain(self, flat: list[Any]) -> list[Any]:
        found = {*map(type, flat)}
        if found == _LISTS:
            if {*map(len, flat)} != _ONE:
                raise OddError
            flat = list(chain.from_iterable(flat))
            found = {*map(type, flat)}
        if not found <= self._types:
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
