"""Conditions on documents in one neutral form, translated to KQL for Kibana and to a query for Elasticsearch.

    Is("oversight.status", "failed") ──┬─▶ kql()    oversight.status: "failed"
                                       └─▶ query()  {"term": {"oversight.status": "failed"}}

Uses only queries to which Elasticsearch, OpenSearch and the embedded engine give the same result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Scalar = str | int | float | bool
_PLAIN = re.compile(r"[A-Za-z0-9_.@-]+")
_KQL_WORDS = frozenset({"and", "or", "not"})
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\t": "\\t", "\r": "\\r", "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class Is:
    """The field has this value, or one of these values."""

    field: str
    value: Scalar | tuple[Scalar, ...]

    @property
    def values(self) -> tuple[Scalar, ...]:
        """The values, of which the field must have at least one."""
        return self.value if isinstance(self.value, tuple) else (self.value,)


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has any value."""

    field: str


@dataclass(frozen=True, slots=True)
class Between:
    """The field is at least `low` and below `high`; None means no bound."""

    field: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Begins:
    """The field has a value that begins with this text. Only a whole case of `Cases`: KQL cannot express it."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Where


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds. Without parts it matches every document."""

    parts: tuple[Where, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds. Without parts it matches no document."""

    parts: tuple[Where, ...]


Where = Is | Exists | Between | Begins | Not | All | AnyOf


def all_of(*parts: Where | None) -> Where | None:
    """Combine the conditions that are not None; None if there are none."""
    given = tuple(part for part in parts if part is not None)
    return given[0] if len(given) == 1 else All(given) if given else None


def fields(where: Where | None) -> Iterator[str]:
    """Every field that a condition names."""
    if isinstance(where, Is | Exists | Between | Begins):
        yield where.field
    elif isinstance(where, Not):
        yield from fields(where.part)
    elif where is not None:
        for part in where.parts:
            yield from fields(part)


def query(where: Where | None) -> dict[str, Any]:
    """The condition as an Elasticsearch query; None matches every document."""
    match where:
        case None:
            return {"match_all": {}}
        case Is(field, tuple() as values):
            return {"terms": {field: list(values)}}
        case Is(field, value):
            return {"term": {field: value}}
        case Exists(field):
            return {"exists": {"field": field}}
        case Between(field, low, high):
            bounds = {"gte": low, "lt": high}
            return {"range": {field: {name: bound for name, bound in bounds.items() if bound is not None}}}
        case Begins(field, text):
            return {"prefix": {field: {"value": text}}}
        case Not(part):
            return {"bool": {"must_not": [query(part)]}}
        case All(parts):
            return {"bool": {"filter": [query(part) for part in parts]}} if parts else query(None)
        case AnyOf(parts):
            return (
                {"bool": {"should": [query(part) for part in parts], "minimum_should_match": 1}}
                if parts
                else {"bool": {"must_not": [query(None)]}}
            )


def kql(where: Where | None) -> str:
    """The condition in KQL; empty matches every document."""
    match where:
        case None:
            return ""
        case Is(field, value):
            words = [_value(each) for each in where.values]
            if not words:
                return "not *: *"
            return f"{_name(field)}: {words[0] if not isinstance(value, tuple) else '(' + ' or '.join(words) + ')'}"
        case Exists(field):
            return f"{_name(field)}: *"
        case Between(field, low, high):
            bounds = ((">=", low), ("<", high))
            parts = [f"{_name(field)} {sign} {bound}" for sign, bound in bounds if bound is not None]
            return " and ".join(parts) if parts else f"{_name(field)}: *"
        case Begins(field):
            raise ValueError(f"KQL cannot ask for a beginning with blanks, as of {field}; use lucene()")
        case Not(part):
            return f"not ({kql(part) or '*'})"
        case All(parts):
            return " and ".join(map(_part, parts))
        case AnyOf(parts):
            return " or ".join(map(_part, parts)) or "not *"


def lucene(where: Begins) -> str:
    """The condition in Lucene's query syntax, where a backslash escapes any character."""
    text = "".join(each if each.isalnum() else f"\\{each}" for each in where.text)
    return f"{where.field}:{text}*"


def _part(where: Where) -> str:
    """A condition inside another one: in brackets if it is made of several itself."""
    return f"({kql(where) or '*'})" if isinstance(where, All | AnyOf | Between) else kql(where)


def _name(field: str) -> str:
    """A field name in KQL: quoted if it is a KQL keyword or has characters other than letters, digits and `_.@-`."""
    plain = _PLAIN.fullmatch(field) and field.lower() not in _KQL_WORDS
    return field if plain else _value(field)


def _value(value: Scalar) -> str:
    """A value in KQL: numbers and booleans as they are, text in quotes with quotes and backslashes escaped."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return f'"{value.translate(_ESCAPED)}"'
