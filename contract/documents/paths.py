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


def lookup(source: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """Value of a dotted field in any spelling; `default` if the document has none.

    Raises:
        AmbiguousFieldError: the document has the field in two spellings.
    """
    values = _spellings(source, path)
    if len(values) > 1:
        raise AmbiguousFieldError(path)
    return values[0] if values else default


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


def _spellings(source: Mapping[str, Any], path: str) -> list[Any]:
    """The value of every spelling of the path that the document has."""
    values = [source[path]] if path in source else []
    for parent, rest in _splits(path):
        child = source.get(parent)
        if child is not None and isinstance(child, Mapping):
            values += _spellings(child, rest)
    return values


@lru_cache(maxsize=1024)
def _splits(path: str) -> tuple[tuple[str, str], ...]:
    """Each way to cut a path at one of its dots."""
    return tuple((path[:cut], path[cut + 1 :]) for cut, char in enumerate(path) if char == ".")


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The nested form of `{"a.b": 1, "a.c": 2}`; the names must not contradict each other."""
    root: dict[str, Any] = {}
    for path, value in flat.items():
        *above, leaf = path.split(".")
        level = root
        for name in above:
            level = level.setdefault(name, {})
        level[leaf] = value
    return root


def merge(document: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """A document with a partial one merged into it, as an update of Elasticsearch does it; neither is changed."""
    merged = dict(document)
    for key, value in change.items():
        earlier = merged.get(key)
        if isinstance(earlier, dict) and isinstance(value, dict):
            merged[key] = merge(earlier, value)
        else:
            merged[key] = value
    return merged


def leaves(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Dotted paths of a nested document with their values; an empty object counts as a leaf. Depth has no limit."""
    levels = [("", iter(document.items()))]
    while levels:
        prefix, items = levels[-1]
        for key, value in items:
            if isinstance(value, Mapping) and value:
                levels.append((f"{prefix}{key}.", iter(value.items())))
                break
            yield f"{prefix}{key}", value
        else:
            levels.pop()
