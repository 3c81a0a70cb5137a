"""From a field, a comparison and a written value to one clause of a query, by the type of the field.

keyword   text, exactly and case-sensitive; `*` stands for any characters
numbers   equal, or a range
date      2026-01-31, 2026-01-31T08:00, now-24h: the whole day or minute that is written, in UTC without an offset
ip        an address, a network such as 10.0.0.0/8, or 10.0.*
boolean   true or false
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any, Literal

from console.finding.errors import QueryLineError
from console.panels.time_range import DAY, LATEST_MS, MINUTE, SECOND, parse
from contract.documents.fields import Field
from contract.errors import InputError, shorten
from kibana.panels.conditions import Between
from kibana.panels.model_view import SEVERITY_CASES, SEVERITY_FIELD

Query = dict[str, Any]
Sign = Literal[":", "<", "<=", ">", ">="]

MOST_STARS, LONGEST_PATTERN = 5, 64
"""Most `*` in one value, and most characters beside them. Elasticsearch refuses patterns that are too complex."""
LARGEST_LONG, LARGEST_FLOAT = 2**63 - 1, 3.4028234663852886e38
RANGES = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?P<minute>T\d\d:\d\d(?P<second>:\d\d(?P<fraction>\.\d+)?)?)?.*", re.ASCII)
_OCTETS = re.compile(r"(\d{1,3}\.){1,3}\*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it is written in the line."""

    pieces: tuple[str, ...]
    """The text between the `*` that stand for any characters; one piece if there is none."""
    at: int
    """Where it begins in the line."""
    quoted: bool = False

    @property
    def is_pattern(self) -> bool:
        """Whether it has a `*` that stands for any characters."""
        return len(self.pieces) > 1

    @property
    def is_anything(self) -> bool:
        """Whether it is only `*`."""
        return self.is_pattern and not any(self.pieces)

    @property
    def text(self) -> str:
        """The value without escapes."""
        return "*".join(self.pieces)


def clause(field: Field, sign: Sign, value: Value, *, now_ms: int) -> Query:
    """Return the query for one comparison.

    Raises:
        QueryLineError: the value does not fit the field.
    """
    if value.is_anything and sign == ":":
        return {"exists": {"field": field.name}}
    if field.name == SEVERITY_FIELD and value.text in SEVERITIES:
        return _severity(sign, value.text)
    match field.kind:
        case "long" | "float":
            return _compared(field, sign, number(field, value))
        case "date":
            return _date(field, sign, value, now_ms)
        case "ip":
            return _address(field, sign, value)
        case "boolean":
            return _boolean(field, sign, value)
        case _:
            return _keyword(field, sign, value)


def _compared(field: Field, sign: Sign, value: Any) -> Query:
    if sign == ":":
        return {"term": {field.name: value}}
    return {"range": {field.name: {RANGES[sign]: value}}}


def _keyword(field: Field, sign: Sign, value: Value) -> Query:
    if sign != ":":
        raise QueryLineError(
            f"{field.name} holds words, which `{sign}` cannot compare; write {field.name}: VALUE, with `*` for any "
            "characters",
            value.at,
        )
    if value.is_pattern:
        return {"wildcard": {field.name: {"value": pattern(value)}}}
    return {"term": {field.name: value.text}}


def pattern(value: Value) -> str:
    """Return a value as a pattern of Elasticsearch, where `*` and `?` are special.

    Raises:
        QueryLineError: it has too many `*`, or is too long.
    """
    stars, letters = len(value.pieces) - 1, sum(map(len, value.pieces))
    if stars > MOST_STARS or letters > LONGEST_PATTERN:
        raise QueryLineError(
            f"a value with `*`, and a bare word, can have at most {MOST_STARS} `*` and {LONGEST_PATTERN} other "
            f"characters; this one has {stars} and {letters}",
            value.at,
        )
    return "*".join(re.sub(r"([\\*?])", r"\\\1", piece) for piece in value.pieces)


def number(field: Field, value: Value) -> int | float:
    """Return a written number.

    Raises:
        QueryLineError: it is no number, or larger than any value of the field.
    """
    text, largest = value.text, LARGEST_LONG if field.kind == "long" else LARGEST_FLOAT
    if not _NUMBER.fullmatch(text):
        raise _wrong(field, value, "a number such as 42 or 0.5")
    found: int | float = float(text)
    if re.fullmatch(r"[+-]?\d+", text):
        found = int(text)
    if abs(found) > largest:
        raise _wrong(field, value, f"a number of at most {largest:g}")
    return int(found) if field.kind == "long" and found == int(found) else found


def _boolean(field: Field, sign: Sign, value: Value) -> Query:
    if sign != ":" or value.text not in ("true", "false"):
        raise _wrong(field, value, f"`{field.name}: true` or `{field.name}: false`")
    return {"term": {field.name: value.text == "true"}}


def _date(field: Field, sign: Sign, value: Value, now_ms: int) -> Query:
    first = _moment(field, value, now_ms)
    after = min(first + _unit_ms(value.text), LATEST_MS)
    bounds = {
        ":": {"gte": first, "lt": after},
        "<": {"lt": first},
        "<=": {"lt": after},
        ">": {"gte": after},
        ">=": {"gte": first},
    }[sign]
    return {"range": {field.name: {**bounds, "format": "epoch_millis"}}}


def _moment(field: Field, value: Value, now_ms: int) -> int:
    text = value.text
    wanted = "a date such as 2026-01-31, 2026-01-31T08:00, or now-24h; write the time without blanks"
    if not (text.startswith("now") or _DATE.fullmatch(text)):
        raise _wrong(field, value, wanted)
    try:
        return parse(text, now_ms=now_ms)
    except InputError:
        raise _wrong(field, value, wanted) from None


def _unit_ms(text: str) -> int:
    """Return how long the written moment lasts: a day, a minute, a second or a millisecond."""
    found = _DATE.fullmatch(text)
    if found is None or found["fraction"]:
        return 1
    if found["minute"] is None:
        return DAY
    return SECOND if found["second"] else MINUTE


def _address(field: Field, sign: Sign, value: Value) -> Query:
    network = network_of(value.text) if not value.is_pattern or _OCTETS.fullmatch(value.text) else None
    if network is None:
        raise _wrong(field, value, "an address, a network such as 10.0.0.0/8, or 10.0.*")
    if sign == ":":
        return {"term": {field.name: network}}
    if "/" in network:
        raise _wrong(field, value, "one address beside `<` or `>`; for a network write `:`")
    return {"range": {field.name: {RANGES[sign]: network}}}


def network_of(text: str) -> str | None:
    """Return an address or network as Elasticsearch reads it; None if the text is neither. `10.0.*` is 10.0.0.0/16."""
    if _OCTETS.fullmatch(text):
        octets = text[:-2].split(".")
        text = ".".join([*octets, *["0"] * (4 - len(octets))]) + f"/{8 * len(octets)}"
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    if "%" in text or not re.fullmatch(r"[0-9a-fA-F.:]+(/\d{1,3})?", text, re.ASCII):
        return None
    mapped = network.network_address.ipv4_mapped if network.version == 6 else None
    if mapped is not None and network.prefixlen >= 96:
        network = ipaddress.ip_network((mapped, network.prefixlen - 96))
    return str(network) if "/" in text else str(network.network_address)


SEVERITIES = {
    "none": (None, 1.0),
    **{
        case.title: (case.where.low, case.where.high)
        for case in SEVERITY_CASES.cases
        if isinstance(case.where, Between)
    },
}
"""The words for severities, each with its lowest number and the first number above it."""


def _severity(sign: Sign, word: str) -> Query:
    low, above = SEVERITIES[word]
    by_sign: dict[Sign, dict[str, float | None]] = {
        ":": {"gte": low, "lt": above},
        "<": {"lt": low if low is not None else -LARGEST_LONG},
        "<=": {"lt": above},
        ">": {"gte": above if above is not None else LARGEST_LONG},
        ">=": {"gte": low},
    }
    bounds = {name: bound for name, bound in by_sign[sign].items() if bound is not None}
    return {"range": {SEVERITY_FIELD: bounds}}


def _wrong(field: Field, value: Value, expected: str) -> QueryLineError:
    return QueryLineError(
        f"{shorten(value.text)} does not fit {field.name} ({field.kind}); expected {expected}", value.at
    )
