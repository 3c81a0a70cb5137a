"""Which partial documents of the enrich service may be merged into ours. No I/O.

    partial document ──▶ flatten() ──▶ dotted path and value of each field, or ProtocolError     document by document
    a page of them   ──▶ are_plain() ──▶ True: flatten() would take each, and each is nested     column by column

Nearly every page is plain. One that is not says nothing: then each of its documents goes through `flatten`, which is
the rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

from contract.documents.fields import BY_NAME, ENRICH_ROOTS
from contract.errors import ProtocolError, shorten

MAX_DEPTH = 20
"""Objects within objects; the deepest field of the contract is four below its root."""
MAX_SHAPES = 30
"""Sets of keys of the same object in one page; a service has one for each kind of verdict."""

WHOLE = frozenset(field.name for field in BY_NAME.values() if field.kind == "object")
"""Fields that a mapping stores as one object, whatever is in it."""
BOOLEANS = frozenset(field.name for field in BY_NAME.values() if field.kind == "boolean")
PLAIN = frozenset({str, int, float, bool, type(None)})
"""Types that every mapping takes or sets aside, but a boolean's."""
ROOT_KEYS = frozenset(root.split(".")[0] for root in ENRICH_ROOTS)

Object = dict[str, Any]


def flatten(fields: Mapping[str, Any]) -> Object:
    """Dotted paths of a partial document in any spelling, each allowed and fit for its mapping.

    Raises:
        ProtocolError: a path is not ours to write, occurs twice, or holds what its mapping would refuse.
    """
    flat: Object = {}
    odd: list[str] = []
    _collect(fields, "", flat, odd, 0)
    problem = _paths_problem(tuple(flat))
    for path in odd if not problem else ():
        problem = problem or _value_problem(path, flat[path])
    if problem:
        raise ProtocolError(wrong_answer(problem))
    return flat


def are_plain(page: Sequence[Any]) -> bool:
    """Whether `flatten` would take every one of these, and no key of theirs has a dot.

    Where keys have none, no field can occur twice or below another one, so each column can be looked at by itself: what
    a path is named, and the types of its values. A loop over documents is left to C.
    """
    return not page or _objects_are_plain(page, "", 0)


def wrong_answer(found: str) -> str:
    """What is said of an answer that is none."""
    return (
        f"the enrich service answered {found}; expected a response as in docs/http-api.md; nothing was written, "
        f"check OVERSIGHT_ENRICH_URL and the service's version"
    )


def _objects_are_plain(column: Sequence[Any], prefix: str, depth: int) -> bool:
    if set(map(type, column)) != {dict} or depth > MAX_DEPTH:
        return False
    shapes = set(map(tuple, column))
    if () in shapes or len(shapes) > MAX_SHAPES:
        return False
    groups: dict[tuple[str, ...], list[Object]] = {keys: [] for keys in shapes}
    if len(shapes) > 1:
        for each in column:
            groups[tuple(each)].append(each)
    for keys, group in groups.items():
        for key in keys:
            if not _column_is_plain(group or column, key, prefix, depth):
                return False
    return True


def _column_is_plain(objects: Sequence[Any], key: str, prefix: str, depth: int) -> bool:
    """The values of one key of all these objects, which have it."""
    path, value_of = prefix + key, itemgetter(key)
    if "." in key or (not prefix and key not in ROOT_KEYS):
        return False
    kinds = set(map(type, map(value_of, objects)))
    if dict in kinds and path not in WHOLE:
        return _objects_are_plain(list(map(value_of, objects)), f"{path}.", depth + 1)
    if _path_problem(path):
        return False
    if path in WHOLE or path not in BY_NAME:
        return True
    if list in kinds:
        kinds.remove(list)
        kinds.update(map(type, chain.from_iterable(value for value in map(value_of, objects) if type(value) is list)))
    return kinds <= {bool} if path in BOOLEANS else kinds <= PLAIN


def _collect(fields: Mapping[str, Any], prefix: str, flat: Object, odd: list[str], depth: int) -> None:
    """Every value with its path; a list is a value, and so is what a mapping stores as one object.

    `odd` gets the paths of values that not every mapping takes.
    """
    if depth > MAX_DEPTH:
        raise ProtocolError(wrong_answer(f"objects nested deeper than {MAX_DEPTH}"))
    for key, value in fields.items():
        path = prefix + key
        kind = type(value)
        if kind is dict and value and path not in WHOLE:
            _collect(value, f"{path}.", flat, odd, depth + 1)
            continue
        if path in flat:
            raise ProtocolError(wrong_answer(f"field {shorten(path)} twice in one result"))
        flat[path] = value
        if kind not in PLAIN or path in BOOLEANS:
            odd.append(path)


@lru_cache(maxsize=1024)
def _paths_problem(paths: tuple[str, ...]) -> str:
    """Why these may not be written together; empty where they may. The same few lists come with every document."""
    for path in paths:
        problem = _path_problem(path)
        if problem:
            return problem
        if not set(paths).isdisjoint(_parents(path)):
            return f"field {shorten(path)} below another field, which is a value"
    return ""


@lru_cache(maxsize=4096)
def _path_problem(path: str) -> str:
    """Why nothing may be written at a path; empty where it may."""
    if not all(path.split(".")):
        return f"field {shorten(path)}, which is not a valid field name"
    if not any(path == root or path.startswith(f"{root}.") for root in ENRICH_ROOTS):
        return f"field {shorten(path)}, which is not one of {', '.join(ENRICH_ROOTS)}"
    if path not in BY_NAME and any(name.startswith(f"{path}.") for name in BY_NAME):
        return f"a value in {shorten(path)}, which is an object of other fields"
    below = [parent for parent in _parents(path) if parent in BY_NAME]
    return f"field {shorten(path)} below {below[0]!r}, which is a value" if below else ""


def _value_problem(path: str, value: Any) -> str:
    """Why a mapping would refuse a value: with one of these the document could never be written."""
    field = BY_NAME.get(path)
    if field is None or field.kind == "object" or value is None:
        return ""
    values = value if isinstance(value, list) else [value]
    if any(isinstance(each, dict | list) for each in values):
        return f"an object or a list within a list in {path!r}, which holds {field.kind} values"
    if field.kind == "boolean" and not all(isinstance(each, bool) for each in values):
        return f"{shorten(value)} in {path!r}, which is a boolean"
    return ""


def _parents(path: str) -> Iterator[str]:
    cut = path.find(".")
    while cut != -1:
        yield path[:cut]
        cut = path.find(".", cut + 1)
