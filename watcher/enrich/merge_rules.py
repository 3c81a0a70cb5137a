"""Checks that the watcher may merge a partial document into a stored one. No I/O.

    partial document, in any spelling ──▶ mergeable() ──▶ the same, nested; or ProtocolError

Each name is looked up in a tree of the fields that the contract lists below `ENRICH_ROOTS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contract.documents.fields import ENRICH_ROOTS, FIELDS, Field
from contract.errors import ProtocolError, shorten

MAX_DEPTH = 20
"""Most levels of objects. The deepest field of the contract is four levels below its root."""

Types = frozenset[type]
SCALARS: Types = frozenset({str, int, float, bool, type(None)})
BOOLEANS: Types = frozenset({bool})
WHOLE: Types = SCALARS | {list, dict}
"""Types of a field that is stored as one object, whatever is in it."""
UNKNOWN: Types = SCALARS | {list}
"""Types of a field that the contract does not list. The mapping ignores it."""

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """What the contract allows at one path."""

    takes: Types = UNKNOWN
    """Allowed types of a value and of the items of a list. Null is always allowed."""
    listed: Field | None = None
    """The field at this path; None: an object of other fields, or an unlisted field."""
    below: dict[str, Place] = field(default_factory=dict)
    open: bool = True
    """Whether names that are not in `below` are allowed."""


def mergeable(fields: Mapping[str, Any]) -> Object:
    """Return a partial document in nested spelling, if every field is allowed and fits its mapping.

    Raises:
        ProtocolError: a field is not allowed, appears twice, or has a value that its mapping would refuse.
    """
    found: Object = {}
    _add(fields, ROOT, "", found, 0)
    return found


def invalid_response(found: str) -> ProtocolError:
    """Return the error for a response that breaks the contract."""
    return ProtocolError(
        f"the enrich service answered {found}; expected a response as in docs/http-api.md; nothing was written, "
        f"check OVERSIGHT_ENRICH_URL and the service's version"
    )


def _add(fields: Mapping[str, Any], place: Place, prefix: str, found: Object, depth: int) -> None:
    """Add the fields of the object at `place` to `found`."""
    if depth > MAX_DEPTH:
        raise invalid_response(f"objects nested deeper than {MAX_DEPTH}")
    listed = place.below
    for key, value in fields.items():
        name, below = key, listed.get(key)
        if below is None and "." in key:  # a dotted name is an object with one field
            name, _, rest = key.partition(".")
            value, below = {rest: value}, listed.get(name)
        below = below or _unlisted(place, prefix, name)
        if type(value) not in below.takes or name is not key:
            if type(value) is dict and value and below.listed is None:
                _add(value, below, f"{prefix}{name}.", _object_at(found, prefix, name), depth + 1)
                continue
            _check_value(value, below, prefix + name)
        if name in found:
            raise invalid_response(f"field {shorten(prefix + name)} twice in one result")
        found[name] = value


def _object_at(found: Object, prefix: str, name: str) -> Object:
    """Return the object to which another spelling adds its fields; a new one if there is none."""
    below = found.get(name)
    if name not in found:
        below = found[name] = {}
    elif not isinstance(below, dict) or not below:
        raise invalid_response(f"a field below {shorten(prefix + name)}, which is a value")
    return below


def _unlisted(place: Place, prefix: str, name: str) -> Place:
    """Return the place of an unlisted name."""
    if not name:
        raise invalid_response(f"field {shorten(prefix + name)}, which is not a valid field name")
    if not place.open:
        raise invalid_response(f"field {shorten(prefix + name)}, which is not one of {', '.join(ENRICH_ROOTS)}")
    return ANYTHING


def _check_value(value: Any, place: Place, path: str) -> None:
    """Refuse a value that its mapping would refuse."""
    if place.below:
        raise invalid_response(f"a value in {shorten(path)}, which is an object of other fields")
    if place.listed is None:
        return
    if isinstance(value, dict) and value:
        raise invalid_response(f"field {shorten(f'{path}.{next(iter(value))}')} below {path!r}, which is a value")
    values = value if isinstance(value, list) else [value]
    if value is None or place.takes.issuperset(map(type, values)):
        return
    if place.listed.kind == "boolean":
        raise invalid_response(f"{shorten(value)} in {path!r}, which is a boolean")
    raise invalid_response(f"an object or a list within a list in {path!r}, which holds {place.listed.kind} values")


def _tree(fields: Iterable[Field]) -> Place:
    """Return the tree of all fields below `ENRICH_ROOTS`."""
    root = Place(frozenset(), open=False)
    for each in fields:
        owners = [one for one in ENRICH_ROOTS if each.name == one or each.name.startswith(f"{one}.")]
        if not owners:
            continue
        place, path = root, ""
        *above, leaf = each.name.split(".")
        for name in above:
            path = f"{path}.{name}" if path else name
            open_ = len(path) >= len(owners[0])
            place = place.below.setdefault(name, Place(frozenset(), open=open_))
        place.below[leaf] = Place({"object": WHOLE, "boolean": BOOLEANS}.get(each.kind, SCALARS), each)
    return root


ANYTHING = Place()
ROOT = _tree(FIELDS)
