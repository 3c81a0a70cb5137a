"""Query lines as trees: written as a person would, and evaluated slowly in Python.

("and", tree, tree) ("or", tree, tree) ("not", tree) ("is", field, sign, written value, test) ("word", text)
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from contract.documents.paths import lookup_clear

Tree = Any
Test = Callable[[Any], bool]
KEYWORDS = (
    "user.id",
    "oversight.prediction.label",
    "oversight.prediction.family",
    "network.protocol",
    "host.name",
    "oversight.prediction.reasons",
    "kdd99.flag",
)
WORD_FIELDS = (
    "oversight.prediction.label",
    "oversight.prediction.labels",
    "oversight.prediction.family",
    "user.id",
    "host.name",
    "network.protocol",
    "oversight.prediction.reasons",
)
SHORT = {
    "user.id": "user",
    "oversight.prediction.label": "label",
    "event.severity": "severity",
    "event.risk_score": "risk",
    "source.ip": "source",
    "@timestamp": "happened",
}
TEXTS = ("alpha", "Alpha", "beta gamma", "a*b", "a?b", "back\\slash", 'quo"te', "é", "(x)", "and", "dos", "x:y", "")
NUMBERS = (0, 1, 21, 47, 73, 99, 5.5, -3, 100.25, 0.1)
ADDRESSES = ("10.0.0.1", "10.0.3.7", "10.9.0.1", "192.168.0.1", "fe80::1", "2001:db8::7")
NETWORKS = ("10.0.0.0/8", "10.0.0.0/16", "10.0.0.1", "fe80::/10", "192.168.0.*", "10.*", "::ffff:10.0.0.0/104")
DATES = ("2026-11-01", "2026-11-02T03:04", "2026-11-02T03:04:05", "2026-11-02T03:04:05.678Z")
TIMES = (
    "2026-11-01T00:00:00Z",
    "2026-11-01T23:59:59.999Z",
    "2026-11-02T00:00:00Z",
    "2026-11-02T03:04:00Z",
    "2026-11-02T03:04:05.678Z",
    "2026-11-02T03:04:59Z",
    "2026-11-03T00:00:00Z",
)
UNIT_MS = (86_400_000, 60_000, 1_000, 1)
SIGNS = ("<", "<=", ">", ">=")
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    ":": lambda one, other: one == other,
}


def quoted(text: str) -> str:
    """A value in quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _keyword() -> st.SearchStrategy[Tree]:
    def exact(field: str, text: str) -> Tree:
        return ("is", field, ":", quoted(text), lambda value: value == text)

    def begins(field: str, text: str) -> Tree:
        plain = "".join(letter if letter.isalnum() else f"\\{letter}" for letter in text)
        return ("is", field, ":", f"{plain}*", lambda value: value.startswith(text))

    def holds(field: str, text: str) -> Tree:
        plain = "".join(letter if letter.isalnum() else f"\\{letter}" for letter in text)
        return ("is", field, ":", f"*{plain}*", lambda value: text in value)

    made = st.sampled_from([exact, begins, holds])
    return st.builds(lambda make, *rest: make(*rest), made, st.sampled_from(KEYWORDS), st.sampled_from(TEXTS))


def _number() -> st.SearchStrategy[Tree]:
    def test(field: str, sign: str, number: float) -> Tree:
        near = float32 if field == "event.risk_score" else float
        return ("is", field, sign, f"{number}", lambda value: ORDER[sign](near(value), near(number)))

    fields = st.sampled_from(["event.severity", "event.risk_score", "source.port"])
    return st.builds(test, fields, st.sampled_from((*SIGNS, ":")), st.sampled_from(NUMBERS))


def _address() -> st.SearchStrategy[Tree]:
    def inside(text: str) -> Tree:
        octets = text.removesuffix(".*").split(".")
        mask = text if "*" not in text else ".".join([*octets, *["0"] * (4 - len(octets))]) + f"/{8 * len(octets)}"
        network = ipaddress.ip_network(mask.replace("::ffff:10.0.0.0/104", "10.0.0.0/8"))
        return ("is", "source.ip", ":", text, lambda value: ipaddress.ip_address(value) in network)

    def beside(sign: str, text: str) -> Tree:
        return ("is", "source.ip", sign, text, lambda value: ORDER[sign](_bits(value), _bits(text)))

    ranges = st.builds(beside, st.sampled_from(SIGNS), st.sampled_from(ADDRESSES))
    return st.sampled_from(NETWORKS).map(inside) | ranges


def _bits(address: str) -> bytes:
    found = ipaddress.ip_address(address)
    return found.packed if found.version == 6 else ipaddress.ip_address(f"::ffff:{address}").packed


def _date() -> st.SearchStrategy[Tree]:
    def test(field: str, sign: str, number: int) -> Tree:
        first = ms(DATES[number])
        after = first + UNIT_MS[number]
        tests: dict[str, Test] = {
            ":": lambda value: first <= ms(value) < after,
            "<": lambda value: ms(value) < first,
            "<=": lambda value: ms(value) < after,
            ">": lambda value: ms(value) >= after,
            ">=": lambda value: ms(value) >= first,
        }
        return ("is", field, sign, DATES[number], tests[sign])

    fields = st.sampled_from(["@timestamp", "oversight.feedback.at"])
    return st.builds(test, fields, st.sampled_from((*SIGNS, ":")), st.integers(0, 3))


def ms(text: str) -> int:
    """A date in milliseconds since 1970; UTC without an offset."""
    found = datetime.fromisoformat(text)
    return round(
        (found if found.tzinfo else datetime.fromisoformat(f"{text}Z" if "T" in text else f"{text}T00:00Z")).timestamp()
        * 1000
    )


def float32(number: float) -> float:
    """The number as a `float` field stores it."""
    return float(struct.unpack("f", struct.pack("f", number))[0])


def _others() -> st.SearchStrategy[Tree]:
    def unknown(is_true: bool) -> Tree:
        return (
            "is",
            "oversight.prediction.unknown",
            ":",
            "true" if is_true else "false",
            lambda value: value is is_true,
        )

    def exists(field: str) -> Tree:
        return ("is", field, ":", "*", lambda _value: True)

    every = st.sampled_from([*KEYWORDS, "source.ip", "event.severity", "@timestamp", "oversight.feedback.verdict"])
    words = st.sampled_from(["ALPH", "amma", "dos", "a*b", "é", "10.0.0.1", "fe80::1", "(x)", "and", "x:y"])
    return st.booleans().map(unknown) | every.map(exists) | words.map(lambda text: ("word", text))


TREES: st.SearchStrategy[Tree] = st.recursive(
    _keyword() | _number() | _address() | _date() | _others(),
    lambda inner: st.tuples(st.sampled_from(["and", "or"]), inner, inner) | inner.map(lambda one: ("not", one)),
    max_leaves=5,
).filter(lambda tree: depth(tree) <= 3)


def depth(tree: Tree) -> int:
    """Operators inside each other."""
    return 0 if tree[0] in ("is", "word") else 1 + max(depth(part) for part in tree[1:])


def written(tree: Tree) -> str:
    """A tree as a line."""
    match tree:
        case ("is", field, sign, value, _):
            return f"{SHORT.get(field, field)}{'' if sign == ':' else ' '}{sign} {value}"
        case ("word", text):
            return quoted(text)
        case ("not", part):
            return f"not {_inside(part)}"
        case (word, one, other):
            return f"{_inside(one)} {word} {_inside(other)}"
    raise AssertionError(tree)


def _inside(tree: Tree) -> str:
    return written(tree) if tree[0] in ("is", "word") else f"({written(tree)})"


def matches(tree: Tree, document: Mapping[str, Any]) -> bool:
    """Whether a document matches, one value after the other."""
    match tree:
        case ("is", field, _, _, test):
            return any(test(value) for value in values(document, field))
        case ("word", text):
            held = [value.lower() for field in WORD_FIELDS for value in values(document, field)]
            sides = [value for field in ("source.ip", "destination.ip") for value in values(document, field)]
            return any(text.lower() in value for value in held) or text in sides
        case ("not", part):
            return not matches(part, document)
        case ("and", one, other):
            return matches(one, document) and matches(other, document)
        case ("or", one, other):
            return matches(one, document) or matches(other, document)
    raise AssertionError(tree)


def values(document: Mapping[str, Any], field: str) -> list[Any]:
    """The values that an index has of a field: without null, and without words that are too long."""
    value = lookup_clear(document, field)
    found = value if isinstance(value, list) else [value]
    return [one for one in found if one is not None and not (isinstance(one, str) and len(one) > 8191)]


def _some(choices: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | choices | st.lists(choices, max_size=2)


_text = _some(st.sampled_from([*TEXTS, "x" * 8192, "<script>window.hurt=1</script>", "\u202egpj.exe"]))
DOCUMENTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "@timestamp": st.sampled_from(TIMES),
        "user": st.fixed_dictionaries({"id": _text}),
        "host": st.fixed_dictionaries({"name": _text}),
        "event": st.fixed_dictionaries(
            {"severity": _some(st.sampled_from([0, 21, 47, 73, 99])), "risk_score": _some(st.sampled_from(NUMBERS))}
        ),
        "source": st.fixed_dictionaries(
            {"ip": _some(st.sampled_from(ADDRESSES)), "port": _some(st.sampled_from([0, 1, 80, 65535]))}
        ),
        "destination": st.fixed_dictionaries({"ip": _some(st.sampled_from(ADDRESSES))}),
        "network": st.fixed_dictionaries({"protocol": _text}),
        "kdd99": st.fixed_dictionaries({"flag": _text}),
        "oversight": st.fixed_dictionaries(
            {
                "prediction": st.fixed_dictionaries(
                    {"label": _text, "family": _text, "reasons": _text, "unknown": st.none() | st.booleans()}
                ),
                "feedback": st.fixed_dictionaries(
                    {"at": st.none() | st.sampled_from(TIMES), "verdict": st.none() | st.just("true_positive")}
                ),
            }
        ),
    }
)
