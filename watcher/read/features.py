"""Choose what the watcher sends of a document: only the fields that the model reads. No I/O.

The engine could choose the fields, but that costs it more than the rest of a search.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import Any

Object = dict[str, Any]


@dataclass
class Tree:
    """The chosen names of one object; a dotted spelling is a name too."""

    whole: set[str] = field(default_factory=set)
    """Names of fields."""
    below: dict[str, Tree] = field(default_factory=dict)
    """Names of objects that hold fields."""


def features(sources: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the fields that a model reads, of each document and in any spelling, as `source_includes` would."""
    tree = _tree(tuple(fields))
    return [_chosen(source, tree) for source in sources]


@lru_cache(maxsize=16)
def _tree(fields: tuple[str, ...]) -> Tree:
    """Return the tree of some fields. Every page has the same fields, so it is cached."""
    objects: defaultdict[tuple[str, ...], Tree] = defaultdict(Tree)
    for name in fields:
        parts = tuple(name.split("."))
        for start, end in combinations(range(len(parts) + 1), 2):
            tree, spelled = objects[parts[:start]], ".".join(parts[start:end])
            if end == len(parts):
                tree.whole.add(spelled)
            else:
                tree.below[spelled] = objects[parts[:end]]
    return objects[()]


def _chosen(source: Mapping[str, Any], tree: Tree) -> Mapping[str, Any]:
    if tree.whole.issuperset(source):
        return source
    part: Object = {}
    for key, value in source.items():
        if key in tree.whole:
            part[key] = value
        elif key in tree.below:
            if some := _of_value(value, tree.below[key]):
                part[key] = some
        elif "." in key and _is_below_a_field(key, tree):
            part[key] = value
    return part


def _of_value(value: Any, tree: Tree) -> Any:
    """Return what is chosen of an object, or of the objects in a list; empty or None if that is nothing."""
    if isinstance(value, dict):
        return _chosen(value, tree)
    if not isinstance(value, list):
        return None
    return [some for each in value if isinstance(each, dict) and (some := _chosen(each, tree))]


def _is_below_a_field(key: str, tree: Tree) -> bool:
    return any(char == "." and key[:cut] in tree.whole for cut, char in enumerate(key))
