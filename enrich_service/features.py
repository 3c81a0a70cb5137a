"""Documents -> the arrays that the graph takes.

    sources ─┬─ nested, every value of its type ──▶ columns in one go        (the fast way, nearly every page)
             └─ anything else ──────────────────▶ field by field ─┬─▶ row
                                                                  └─▶ DocumentError, its neighbours go on

What counts as a value, because `_source` keeps what the shipper sent and not what the mapping made of it:

- A number is a JSON number, or text that holds one in decimal ("12", "0.5", "1e3", spaces around it allowed):
  Elasticsearch's mapping takes such text too. No boolean, no NaN, no infinity.
- A word is text of 1 to `MAX_WORD` characters. A number is no word: a protocol called 6 is a mistake upstream.
- A list of one value is that value, as in the search API's `fields`. A list of several is refused.
- `null` and the empty list are a missing field, as they are for Elasticsearch.
- The graph takes float32: numbers lose digits past the seventh, and one beyond 3.4e38 is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter, ne
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.artifact import Feature, ModelContract
from contract.documents import lookup
from contract.errors import DocumentError, InvalidFeatureError, MissingFeatureError

MAX_WORD = 1024
"""Characters of a word. The longest in any vocabulary is far below; this bounds what one document can cost."""
MAX_NUMBER = 64
"""Characters of a number written as text."""
FLOAT32_MAX = float(np.finfo(np.float32).max)

A_NUMBER = "a number"
A_WORD = f"text of 1 to {MAX_WORD} characters"

_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_NUMBERS = frozenset({int, float})
_WORDS = frozenset({str})

_Row = tuple[list[float], list[str]]


@dataclass(frozen=True, slots=True)
class FeatureRows:
    """What a page of documents gave."""

    index: NDArray[np.intp]
    """Shape (n,): which documents the rows are, ascending."""
    numeric: NDArray[np.float32]
    """Shape (n, n_numeric), in the order of `contract.numeric`, all finite."""
    categorical: NDArray[np.object_]
    """Shape (n, n_categorical), str, in the order of `contract.categorical`."""
    errors: dict[int, DocumentError]
    """The documents that gave no row, by their position."""


class Container:
    """Stands in a message for a list or an object: its text could be megabytes, or deeper than Python can print."""

    def __init__(self, value: object) -> None:
        self._words = f"a list of {len(value)}" if isinstance(value, list) else "an object"

    def __repr__(self) -> str:
        return self._words


def printable(value: object) -> object:
    """The value itself where it is short to print, else a `Container`."""
    return Container(value) if isinstance(value, list | dict) else value


class FeatureReader:
    """Reads the features of one contract; made once for a model."""

    def __init__(self, contract: ModelContract) -> None:
        self.contract = contract
        self._numeric = _Columns(contract.numeric)
        self._categorical = _Columns(contract.categorical)

    def read(self, sources: Sequence[Mapping[str, Any]]) -> FeatureRows:
        """Read a page of documents.

        Args:
            sources: `_source` of each document, nested, dotted or both.
        """
        index: list[int] = []
        numbers: list[Sequence[float]] = []
        words: list[Sequence[str]] = []
        errors: dict[int, DocumentError] = {}
        for position, source in enumerate(sources):
            try:
                row = self._fast(source) or self._slow(source)
            except DocumentError as error:
                errors[position] = error
                continue
            index.append(position)
            numbers.append(row[0])
            words.append(row[1])
        numeric = np.array(numbers, np.float64).reshape(len(index), len(self.contract.numeric))
        categorical = np.array(words, np.object_).reshape(len(index), len(self.contract.categorical))
        return FeatureRows(np.array(index, np.intp), numeric.astype(np.float32), categorical, errors)

    def _fast(self, source: Mapping[str, Any]) -> tuple[Sequence[float], Sequence[str]] | None:
        """The row of a document that is nested and clean; None sends it the slow way, which knows the messages."""
        numbers = self._numeric.values(source)
        if numbers is None or not _NUMBERS.issuperset(map(type, numbers)):
            return None
        words = self._categorical.values(source)
        if words is None or not _WORDS.issuperset(map(type, words)):
            return None
        # a value that is unequal to itself is NaN, which the two comparisons before may miss
        if numbers and not (
            max(numbers) <= FLOAT32_MAX and min(numbers) >= -FLOAT32_MAX and not any(map(ne, numbers, numbers))
        ):
            return None
        if words and not (max(map(len, words)) <= MAX_WORD and min(map(len, words)) and all(map(str.isascii, words))):
            return None
        return numbers, words

    def _slow(self, source: Mapping[str, Any]) -> _Row:
        row: _Row = ([], [])
        for feature in self.contract.features:
            value = self._value(source, feature)
            if feature.kind == "float":
                row[0].append(to_number(feature.field, value))
            else:
                row[1].append(to_word(feature.field, value))
        return row

    def _value(self, source: Mapping[str, Any], feature: Feature) -> Any:
        value = lookup(source, feature.field)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if value is None or (isinstance(value, list) and not value):
            raise MissingFeatureError(feature.field, model_id=self.contract.name)
        return value


def to_number(field: str, value: Any) -> float:
    """A finite number that float32 can hold, as a float64.

    Raises:
        InvalidFeatureError: it is none.
    """
    if isinstance(value, str) and len(value) <= MAX_NUMBER and _DECIMAL.fullmatch(value.strip()):
        number = float(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    else:
        raise InvalidFeatureError(field, printable(value), expected=A_NUMBER)
    if math.isnan(number):
        raise InvalidFeatureError(field, value, expected=A_NUMBER)
    if abs(number) > FLOAT32_MAX:
        raise InvalidFeatureError(field, number, expected=f"{A_NUMBER} of at most {FLOAT32_MAX:.3g} (float32)")
    return number


def to_word(field: str, value: Any) -> str:
    """A word for a categorical feature.

    Raises:
        InvalidFeatureError: it is no text, empty, too long, or has no UTF-8 (a lone surrogate).
    """
    if not isinstance(value, str) or not 0 < len(value) <= MAX_WORD:
        raise InvalidFeatureError(field, printable(value), expected=A_WORD)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidFeatureError(field, value, expected=f"{A_WORD} in UTF-8") from None
    return value


class _Columns:
    """Picks the values of some features out of nested documents, grouped by the object that holds them."""

    def __init__(self, features: Sequence[Feature]) -> None:
        groups: dict[tuple[str, ...], list[int]] = {}
        for position, feature in enumerate(features):
            groups.setdefault(tuple(feature.field.split(".")[:-1]), []).append(position)
        self._groups = [
            (parents, _getter([features[position].field.split(".")[-1] for position in positions]))
            for parents, positions in groups.items()
        ]
        order = [position for positions in groups.values() for position in positions]
        self._back = None if order == sorted(order) else _getter([order.index(i) for i in range(len(order))])

    def values(self, source: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """The values in the features' order; None where the document is not plainly nested or lacks one."""
        found: tuple[Any, ...] = ()
        for parents, getter in self._groups:
            holder: Any = source
            for parent in parents:
                if "." in "".join(holder):  # a dotted key: the same field may be spelled twice
                    return None
                holder = holder.get(parent)
                if not isinstance(holder, dict):
                    return None
            if "." in "".join(holder):
                return None
            try:
                found += getter(holder)
            except KeyError:
                return None
        return found if self._back is None else self._back(found)


def _getter(keys: Sequence[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """`itemgetter` that gives a tuple for one key too."""
    if len(keys) == 1:
        return lambda holder: (holder[keys[0]],)
    return itemgetter(*keys)
