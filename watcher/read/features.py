"""What the enrich service is sent of a document: the fields that its model reads, and nothing else. No I/O.

    sources of a page ──▶ all of one shape, and nothing under the features' roots but features? ─▶ passed on as they are
                                   └── no ──▶ document by document, field by field

The engine could leave the rest out, but to take a document apart costs it more than all else that a search does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

Object = dict[str, Any]


def features(sources: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> list[Object]:
    """The fields that a model reads, of each document, in whatever spelling; as `source_includes` of a search gives
    them.
    """
    chosen = _Chosen.of(tuple(fields))
    roots = {tuple(filter(chosen.is_on_the_way, keys)) for keys in set(map(tuple, sources))}
    if len(roots) == 1:
        (keys,) = roots
        columns = [list(map(itemgetter(key), sources)) for key in keys]
        if all(chosen.takes_whole(key, column) for key, column in zip(keys, columns, strict=True)):
            return (
                [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]
                if keys
                else [{} for _ in sources]
            )
    return [_part(source, "", chosen) for source in sources]


class _Chosen:
    """Fields, and what stands above them."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.fields = frozenset(fields)
        self.above = frozenset(field[:cut] for field in fields for cut, char in enumerate(field) if char == ".")
        self._leaves: dict[str, set[str]] = {}
        for field in fields:
            root, dot, leaf = field.partition(".")
            if dot:
                self._leaves.setdefault(root, set()).add(leaf)

    @staticmethod
    @lru_cache(maxsize=16)
    def of(fields: tuple[str, ...]) -> _Chosen:
        """For these fields; the same come with every page."""
        return _Chosen(fields)

    def is_on_the_way(self, path: str) -> bool:
        """Whether a field stands here, above or below."""
        return path in self.above or self.holds(path)

    def holds(self, path: str) -> bool:
        """Whether all that stands here is a field's."""
        return path in self.fields or any(path[:cut] in self.fields for cut, char in enumerate(path) if char == ".")

    def takes_whole(self, root: str, column: Sequence[Any]) -> bool:
        """Whether nothing but fields is in any of these values."""
        if self.holds(root):
            return True
        leaves = self._leaves.get(root, set())
        return set(map(type, column)) == {dict} and all(
            keys and leaves.issuperset(keys) for keys in set(map(tuple, column))
        )


def _part(source: Mapping[str, Any], prefix: str, chosen: _Chosen) -> Object:
    part: Object = {}
    for key, value in source.items():
        path = prefix + key
        if chosen.holds(path):
            part[key] = value
        elif path in chosen.above:
            if isinstance(value, Mapping):
                below = _part(value, f"{path}.", chosen)
                if below:
                    part[key] = below
            elif isinstance(value, list):
                some = [_part(each, f"{path}.", chosen) for each in value if isinstance(each, Mapping)]
                if any(some):
                    part[key] = [each for each in some if each]
    return part
