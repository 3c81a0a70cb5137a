"""Read a contract's JSON without trusting it: check every value, and report all problems at once.

    text ──parse──▶ plain values ──JsonObject──▶ text, number, list ... of a key, or a problem that names the place

A problem is a sentence: the place, what is wrong, what to write.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contract.artifact.text import text_problem
from contract.errors import ArtifactError, shorten

MAX_BYTES = 8 * 1024 * 1024
"""Largest size of a contract as JSON; the shipped ones have 20 KB."""
MAX_DIGITS = 20
"""Largest number of digits of an integer; 64 bits need no more."""
MAX_DEPTH = 8
"""Largest depth of nested objects under `training`, `heldout` and `libraries`."""
FLOAT_MAX = 3.4028234e38
"""Largest number of a `float` mapping and of the model's 32-bit inputs.

The largest float32 itself is left out: Java prints it as 3.4028235E38, which read again is infinite.
"""
MOST_SHOWN = 12
"""Largest number of problems in a message."""


def parse(text: str, what: str = "the contract") -> Any:
    """Parse a JSON text; `what` it is, for messages.

    Raises:
        ArtifactError: it is not JSON, or has `NaN`, a duplicate key or a number of too many digits.
    """
    if len(text) > MAX_BYTES:
        raise ArtifactError(f"{what} has {len(text):,} characters, expected {MAX_BYTES:,} at most")
    try:
        return json.loads(text, parse_constant=_no_constant, parse_int=_integer, object_pairs_hook=_object)
    except RecursionError:
        raise ArtifactError(f"{what} cannot be read as JSON (its lists or objects are nested too deeply)") from None
    except ValueError as error:
        raise ArtifactError(f"{what} is not JSON ({error})") from None


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not a JSON number; write a number or null")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"the number {digits[:MAX_DIGITS]}… has {len(digits)} digits; write a smaller one")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"an object has the key {shorten(twice)} twice; leave one out")
    return values


def raise_problems(problems: list[str], what: str = "the contract") -> None:
    """Raise an error if there are problems; `what` has them, for messages.

    Raises:
        ArtifactError: all problems, in one line.
    """
    if not problems:
        return
    shown = problems[:MOST_SHOWN]
    if len(problems) > 1:
        shown = [f"({number}) {problem}" for number, problem in enumerate(shown, 1)]
    if len(problems) > MOST_SHOWN:
        shown.append(f"and {len(problems) - MOST_SHOWN} more")
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise ArtifactError(f"{what} has {count}: {'; '.join(shown)}")


class JsonObject:
    """One object of a contract. A value that cannot be read becomes a harmless default and adds a problem."""

    def __init__(self, data: Mapping[str, Any], problems: list[str], place: str = "") -> None:
        """`place` is the object's position for messages, such as `feature 'depth_m'`; empty for the contract itself."""
        self.data, self.problems, self.place = data, problems, place
        self.broken = False
        """Whether a value could not be read."""

    def report(self, problem: str) -> None:
        """Report a value that cannot be read."""
        self.broken = True
        self._add(problem)

    def _add(self, problem: str) -> None:
        self.problems.append(f"{self.place}: {problem}" if self.place else problem)

    def refuse_other_keys(self, keys: Iterable[str]) -> None:
        """Report every other key as unknown."""
        known = list(keys)
        for key in self.data:
            if key not in known:
                self._add(f"the key {shorten(key)} is unknown; expected {', '.join(known)}")

    def missing(self, key: str, write: str) -> bool:
        """Whether a key is missing; then reports it."""
        if self.data.get(key) is not None:
            return False
        self.report(f"`{key}` is missing; write {write}")
        return True

    def text(self, key: str, write: str, *, default: str | None = None) -> str:
        """The text of a key."""
        if default is not None and key not in self.data:
            return default
        if self.missing(key, write):
            return ""
        return self.checked_text(f"`{key}`", self.data[key], write)

    def checked_text(self, what: str, value: Any, write: str = "text") -> str:
        """A value that must be text without control characters."""
        if not isinstance(value, str):
            self.report(f"{what} is {shorten(value)}; write {write}")
            return ""
        problem = text_problem(value)
        if problem is not None:
            self.report(f"{what} {shorten(value)} {problem}")
        return value

    def texts(self, key: str, write: str, *, longest: int | None = None) -> tuple[str, ...]:
        """The texts of a list."""
        items = self.items(key, write)
        bad = next((item for item in items if not isinstance(item, str)), None)
        if bad is not None:
            self.report(f"`{key}` holds {shorten(bad)}, which is not text; write {write}")
            return ()
        for item in items:
            problem = text_problem(item) if longest is None else text_problem(item, longest=longest)
            if problem is not None:
                self.report(f"{shorten(item)} in `{key}` {problem}")
        return tuple(items)

    def items(self, key: str, write: str) -> list[Any]:
        """The items of a list."""
        value = self.data[key]
        if not isinstance(value, list):
            self.report(f"`{key}` is {shorten(value)}; write {write}")
            return []
        return value

    def objects(self, key: str, write: str) -> list[JsonObject]:
        """The objects of a list. Each one's place is its name, if it has one."""
        if self.missing(key, write):
            return []
        parts = []
        for number, item in enumerate(self.items(key, write)):
            if not isinstance(item, dict):
                self.report(f"`{key}` holds {shorten(item)}; write {write}")
                continue
            name = item.get("name")
            place = f"{key}[{number}]" if not isinstance(name, str) or not name else f"{key[:-1]} {shorten(name)}"
            parts.append(JsonObject(item, self.problems, place))
        return parts

    def mapping(self, key: str) -> dict[str, Any]:
        """An object with any plain values; empty if the key is missing."""
        value = self.data.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.report(f"`{key}` is {shorten(value)}; write an object, or leave it out")
            return {}
        for problem in _unserializable(value, key, MAX_DEPTH):
            self.report(problem)
        return value

    def number(self, key: str) -> float | None:
        """A number that the model's inputs can hold; None if the key is missing."""
        value = self.data.get(key)
        return None if value is None else self._finite(key, value)

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of such numbers."""
        if self.data.get(key) is None:
            return ()
        return tuple(self._finite(key, item) for item in self.items(key, "a list of numbers"))

    def integer(self, key: str, write: str) -> int:
        """A whole number."""
        if self.missing(key, write):
            return 0
        value = self.data[key]
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not abs(value) < 2**63
            or value != int(value)
        ):
            self.report(f"`{key}` is {shorten(value)}; write {write}")
            return 0
        return int(value)

    def choice(self, key: str, options: Sequence[str]) -> Any:
        """One of some words; the first if the key is missing."""
        value = self.data.get(key, options[0])
        if value not in options:
            self.report(f"`{key}` is {shorten(value)}; write {' or '.join(map(repr, options))}")
            return options[0]
        return value

    def flag(self, key: str) -> bool:
        """True or false; false if the key is missing."""
        value = self.data.get(key, False)
        if not isinstance(value, bool):
            self.report(f"`{key}` is {shorten(value)}; write true or false")
        return value is True

    def _finite(self, key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= FLOAT_MAX:
            self.report(f"`{key}` is {shorten(value)}; write a number from -3.4e38 to 3.4e38")
            return 0.0
        return float(value)


def _unserializable(value: Any, place: str, depth: int) -> Iterable[str]:
    """Problems of free values that cannot be shown or written as JSON."""
    if isinstance(value, dict | list):
        if depth == 0:
            yield f"`{place}` nests objects more than {MAX_DEPTH} deep; nest fewer"
            return
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            if isinstance(key, str) and (problem := text_problem(key)) is not None:
                yield f"the key {shorten(key)} in `{place}` {problem}"
            yield from _unserializable(item, place, depth - 1)
    elif isinstance(value, str):
        problem = text_problem(value, longest=MAX_BYTES)
        if problem is not None:
            yield f"{shorten(value)} in `{place}` {problem}"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{value} in `{place}` is not a finite number; write a smaller one"
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield f"{shorten(value)} in `{place}` has more than 64 bits; write a smaller number"
