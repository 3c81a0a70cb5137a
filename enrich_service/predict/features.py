"""Documents to the arrays that the graph takes.

    document, JSON ──▶ the type of `contract.sources` ──▶ the values of the page as columns ──▶ rows
                         └─ refused, or a value missing, twice, too large ──▶ field by field ──▶ a row, or DocumentError

The type knows JSON numbers and texts. `to_number` and `to_word` are the rule for everything else.

What counts as a value is one rule here and in the ingest pipelines (`es_pipelines/painless/features.painless`); the
table is in docs/http-api.md, and a test holds both to it. The graph takes float32: numbers lose digits past the
seventh.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from operator import ne
from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from contract.artifact.contract import Feature, ModelContract
from contract.artifact.json_reader import FLOAT_MAX
from contract.documents.paths import lookup
from contract.errors import (
    DocumentError,
    MissingFeatureError,
    NotANumberError,
    NotAWordError,
    NotFiniteError,
)
from contract.sources import NO_NUMBER, NO_WORD, Level, source_level
from enrich_service.predict.page import printable

MAX_WORD = 1024
"""Characters of a word. The longest in any vocabulary is far below; this bounds what one document can cost."""
MAX_NUMBER = 64
"""Characters of a number written as text."""
BLANKS = "".join(map(chr, range(33)))
"""What is cut off at the ends of a text: what Java's `trim` cuts off in the pipelines."""

A_NUMBER = "a number"
A_WORD = f"text of 1 to {MAX_WORD} characters"

_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


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

    def numbers(self) -> list[bytes]:
        """The bytes of each row of numbers."""
        data, width = self.numeric.tobytes(), self.numeric.shape[1] * self.numeric.itemsize
        return [data[row * width : (row + 1) * width] for row in range(len(self.numeric))]


def row_keys(numeric: NDArray[np.float32], categorical: NDArray[np.object_]) -> list[tuple[bytes, tuple[str, ...]]]:
    """A key for each row; two rows have the same one if the graph would take the same bits for them.

    Args:
        numeric: shape (n, n_numeric).
        categorical: shape (n, n_categorical).
    """
    rows = FeatureRows(np.arange(len(numeric)), numeric, categorical, {})
    return list(zip(rows.numbers(), map(tuple, categorical.tolist()), strict=True))


class FeatureReader:
    """Reads the features of one contract; made once for a model."""

    def __init__(self, contract: ModelContract) -> None:
        self.contract = contract
        self._level = source_level(contract)
        self._decode = msgspec.json.Decoder(self._level.type).decode

    def read(self, sources: Sequence[bytes]) -> FeatureRows:
        """Read the fields of some documents, each a JSON object."""
        values = _Values(self.contract, len(sources))
        values.add(self._level, list(map(self._typed, sources)))
        complete = values.complete()
        errors: dict[int, DocumentError] = {}
        for position in [] if complete.all() else np.flatnonzero(~complete).tolist():
            try:
                found = self._field_by_field(_objects(sources[position]))
                values.numbers[position], values.words[position] = found
                complete[position] = True
            except DocumentError as error:
                errors[position] = _without_frames(error)
        index = np.flatnonzero(complete)
        return FeatureRows(index, values.numbers[index].astype(np.float32), values.words[index], errors)

    def _typed(self, source: bytes) -> msgspec.Struct:
        """The fields of a document that has nothing but JSON numbers and texts; else empty, as if it had none."""
        try:
            return self._decode(source)
        except (msgspec.DecodeError, RecursionError):
            return self._level.empty

    def _field_by_field(self, source: Mapping[str, Any]) -> tuple[list[float], list[str]]:
        """Numbers and words of a document that has something else than a JSON number or a plain text.

        Raises:
            DocumentError: a value is missing, or is none.
        """
        numbers: list[float] = []
        words: list[str] = []
        for feature in self.contract.features:
            value = self._value(source, feature)
            if feature.kind == "float":
                numbers.append(to_number(feature.field, value))
            else:
                words.append(to_word(feature.field, value))
        return numbers, words

    def _value(self, source: Mapping[str, Any], feature: Feature) -> Any:
        value = lookup(source, feature.field)
        if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], list):
            value = value[0]
        if (
            value is None
            or (isinstance(value, list) and not value)
            or (isinstance(value, str) and not value.strip(BLANKS))
        ):
            raise MissingFeatureError(feature.field, model_id=self.contract.name)
        return value


class _Anything:
    """Equal to anything, for the places of a row that do not count."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True


class _Values:
    """The values of n documents, collected from every place where a document may have them."""

    def __init__(self, contract: ModelContract, n: int) -> None:
        self.numbers = np.full((n, len(contract.numeric)), NO_NUMBER)
        """Shape (n, n_numeric), float64."""
        self.words = np.full((n, len(contract.categorical)), NO_WORD, np.object_)
        """Shape (n, n_categorical)."""
        self._twice = np.zeros(n, np.bool_)
        self._empty = True

    def add(self, level: Level, objects: Sequence[msgspec.Struct]) -> None:
        """Take the values of the objects at one place, one a document, and of the objects below them."""
        if all(each is level.empty for each in objects):
            return
        rows = list(map(msgspec.structs.astuple, objects))
        n_numbers, n_own = len(level.numbers), len(level.numbers) + len(level.words)
        nothing = (*msgspec.structs.astuple(level.empty)[:n_own], *[_Anything()] * len(level.below))
        if any(map(ne, rows, repeat(nothing))):
            columns = list(zip(*rows, strict=True))
            numbers, words = _floats(columns[:n_numbers], len(rows)), _texts(columns[n_numbers:n_own], len(rows))
            if self._empty and numbers.shape == self.numbers.shape and words.shape == self.words.shape:
                self.numbers, self.words = numbers, words
            else:
                self._merge(self.numbers, level.numbers, numbers)
                self._merge(self.words, level.words, words)
            self._empty = False
        for place, below in enumerate(level.below, n_own):
            self.add(below, [row[place] for row in rows])

    def _merge(self, into: NDArray[Any], columns: Sequence[int], found: NDArray[Any]) -> None:
        """Put values into some columns, and note the documents that had a value there before."""
        chosen = list(columns)
        before = into[:, chosen]
        given = _given(found)
        self._twice |= (_given(before) & given).any(axis=1)
        into[:, chosen] = np.where(given, found, before)

    def complete(self) -> NDArray[np.bool_]:
        """Shape (n,): whether a document has every feature, once, as float32 and plain words."""
        complete: NDArray[np.bool_] = (np.abs(self.numbers) <= FLOAT_MAX).all(axis=1) & ~self._twice  # false for NaN
        words = self.words.tolist()
        bad = {word for word in set(chain.from_iterable(words)) if not _is_word(word)}
        if bad:
            complete &= np.array(list(map(bad.isdisjoint, words)))
        return complete


def _objects(source: bytes) -> dict[str, Any]:
    """A document as Python objects, also with half a surrogate pair or a number beyond float64."""
    try:
        found: dict[str, Any] = orjson.loads(source)
    except orjson.JSONDecodeError:
        found = json.loads(source)
    return found


def _given(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a value is neither `NO_NUMBER` nor `NO_WORD`."""
    given: NDArray[np.bool_] = ~np.isnan(values) if values.dtype == np.float64 else values != NO_WORD
    return given


def _floats(columns: Sequence[Sequence[Any]], n: int) -> NDArray[np.float64]:
    """Columns of n numbers, each alone or in a tuple of one, as an array of shape (n, columns)."""
    try:
        flat = np.fromiter(chain.from_iterable(columns), np.float64, len(columns) * n)
    except (TypeError, ValueError):
        flat = np.array(list(map(_alone, chain.from_iterable(columns))), np.float64)
    return flat.reshape(len(columns), n).T


def _texts(columns: Sequence[Sequence[Any]], n: int) -> NDArray[np.object_]:
    """The same for texts."""
    flat = np.array(list(map(_alone, chain.from_iterable(columns))), np.object_)
    return flat.reshape(len(columns), n).T


def _alone(value: Any) -> Any:
    """The value of a tuple of one."""
    return value[0] if type(value) is tuple else value


def _without_frames(error: DocumentError) -> DocumentError:
    """The error alone. Its trace leads to the page, which holds the error: a cycle that would keep pages in memory."""
    error.__context__ = None
    return error.with_traceback(None)


def to_number(field: str, value: Any) -> float:
    """A finite number that float32 can hold, as a float64.

    Raises:
        NotANumberError: it is none.
        NotFiniteError: it is too large.
    """
    text = value.strip(BLANKS) if isinstance(value, str) else ""
    if text and len(text) <= MAX_NUMBER and _DECIMAL.fullmatch(text):
        number = float(text)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    else:
        raise NotANumberError(field, printable(value), expected=A_NUMBER)
    if math.isnan(number):
        raise NotANumberError(field, value, expected=A_NUMBER)
    if abs(number) > FLOAT_MAX:
        raise NotFiniteError(field, number, expected=f"{A_NUMBER} of at most {FLOAT_MAX:.3g} (float32)")
    return number


def to_word(field: str, value: Any) -> str:
    """A word for a categorical feature, without blanks at its ends.

    Raises:
        NotAWordError: it is no text, too long, or has no UTF-8 (a lone surrogate).
    """
    text = value.strip(BLANKS) if isinstance(value, str) else ""
    if not 0 < len(text) <= MAX_WORD:
        raise NotAWordError(field, printable(value), expected=A_WORD)
    if not _has_utf8(text):
        raise NotAWordError(field, value, expected=f"{A_WORD} in UTF-8")
    return text


def _is_word(text: str | None) -> bool:
    """Whether a text is a word as it stands."""
    return (
        text is not None
        and 0 < len(text) <= MAX_WORD
        and text == text.strip(BLANKS)
        and (text.isascii() or _has_utf8(text))
    )


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
