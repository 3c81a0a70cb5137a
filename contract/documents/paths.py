"""Read a dotted field from a document, which may spell it nested or dotted.

{"kdd99": {"src_bytes": 1}}    nested
{"kdd99.src_bytes": 1}         dotted
{"a": {"b.c": 1}}              mixed, as some shippers write it
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from contract.errors import AmbiguousFieldError

_MISSING: Any = object()


def lookup(source: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """Value of a dotted field in any spelling; `default` if the document has none.

    Raises:
        AmbiguousFieldError: the document has the field in two spellings.
    """
    found = _MISSING
    for value in _spellings(source, path):
        if found is not _MISSING:
            raise AmbiguousFieldError(path)
        found = value
    return default if found is _MISSING else found


def lookup_clear(source: Mapping[str, Any], path: str) -> Any:
    """Value of a dotted field in any spelling; None if the document has none, or has it in two spellings."""
    try:
        return lookup(source, path)
    except AmbiguousFieldError:
        return None


def lookup_text(source: Mapping[str, Any], path: str) -> str | None:
    """As `lookup_clear`, but None unless the value is text."""
    value = lookup_clear(source, path)
    return value if isinstance(value, str) else None


def _spellings(source: Mapping[str, Any], path: str) -> Iterator[Any]:
    """The value of every spelling of the path that the document has."""
    if path in source:
        yield source[path]
    cut = path.find(".")
    while cut != -1:
        child = source.get(path[:cut])
        if isinstance(child, Mapping):
            yield from _spellings(child, path[cut + 1 :])
        cut = path.find(".", cut + 1)


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The nested form of `{"a.b": 1, "a.c": 2}`; the names must not contradict each other."""
    n_objects, parents, places = _plan(tuple(flat))
    objects: list[dict[str, Any]] = [{} for _ in range(n_objects)]
    for (above, name), child in zip(parents, objects[1:], strict=True):
        objects[above][name] = child
    for (place, leaf), value in zip(places, flat.values(), strict=True):
        objects[place][leaf] = value
    return objects[0]


@lru_cache(maxsize=1024)
def _plan(paths: tuple[str, ...]) -> tuple[int, tuple[tuple[int, str], ...], tuple[tuple[int, str], ...]]:
    """How to nest these paths: number of objects, the parent of each but the first, and where each value goes.

    Cached, because thousands of documents have the same few lists of paths.
    """
    numbers: dict[str, int] = {"": 0}
    parents: list[tuple[int, str]] = []
    places: list[tuple[int, str]] = []
    for path in paths:
        *above, leaf = path.split(".")
        number, name = 0, ""
        for part in above:
            name = f"{name}.{part}" if name else part
            if name not in numbers:
                numbers[name] = len(numbers)
                parents.append((number, part))
            number = numbers[name]
        places.append((number, leaf))
    return len(numbers), tuple(parents), tuple(places)


def leaves(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted paths of a nested document with their values; an empty object counts as a leaf."""
    for key, value in document.items():
        path = f"{prefix}.{key}" if prefix else key
        if isinstance(value, Mapping) and value:
            yield from leaves(value, path)
        else:
            yield path, value
