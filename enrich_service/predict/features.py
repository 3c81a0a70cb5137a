"""Documents -> the arrays that the graph takes.

    sources ─┬─ plain, in one spelling ──▶ all values in one go ───────────────┐   (the fast way, nearly every page)
             └─ else: in parts, down to one document alone                     ├─▶ rows
                          └─ still not plain ──▶ field by field ──▶ its row ───┘
                                                          └───────▶ DocumentError, its neighbours go on

What counts as a value is one rule here and in the ingest pipelines (`es_pipelines/painless/features.painless`); the
table is in docs/http-api.md, and a test holds both to it. The graph takes float32: numbers lose digits past the
seventh.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import Feature, ModelContract
from contract.documents.paths import lookup
from contract.errors import (
    DocumentError,
    MissingFeatureError,
    NotANumberError,
    NotAWordError,
    NotFiniteError,
)
from enrich_service.predict.spelling import OddError, Spelling

MAX_WORD = 1024
"""Characters of a word. The longest in any vocabulary is far below; this bounds what one document can cost."""
MAX_NUMBER = 64
"""Characters of a number written as text."""
BLANKS = "".join(map(chr, range(33)))
"""What is cut off at the ends of a text: what Java's `trim` cuts off in the pipelines."""
FLOAT32_MAX = float(np.finfo(np.float32).max)

A_NUMBER = "a number"
A_WORD = f"text of 1 to {MAX_WORD} characters"

PARTS = 16
"""Into so many a page is cut that is not plain as a whole: one odd document of 1,000 costs its 62 neighbours some time.
"""

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

    def take(self, rows: Sequence[int]) -> FeatureRows:
        """Some of the rows by their number, which is their index then; without errors."""
        chosen = np.array(rows, np.intp)
        return FeatureRows(chosen, self.numeric[chosen], self.categorical[chosen], {})


def row_keys(numeric: NDArray[np.float32], categorical: NDArray[np.object_]) -> list[bytes]:
    """A key for each row; two rows have the same one if the graph would take the same bits for them.

    Args:
        numeric: shape (n, n_numeric).
        categorical: shape (n, n_categorical).
    """
    n, width = len(numeric), numeric.shape[1] * numeric.itemsize
    # as bytes: tuples of floats would be five times as slow
    data = numeric.tobytes()
    numbers = [data[begin : begin + width] for begin in range(0, n * width, width)] if width else [b""] * n
    words = list(zip(*categorical.T.tolist(), strict=True)) or [()] * n
    # a page has few different words together; what Python writes for them is never that of others
    texts = {these: repr(these).encode("utf-8", "surrogatepass") for these in {*words}}
    return [number + texts[these] for number, these in zip(numbers, words, strict=True)]


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
        self._spellings = (Spelling(contract, dotted=False), Spelling(contract, dotted=True))

    def read(self, sources: Sequence[Mapping[str, Any]]) -> FeatureRows:
        """Read a page of documents.

        Args:
            sources: `_source` of each document, nested, dotted or both, or the search API's `fields`.
        """
        parts = self._read(sources, 0)
        if len(parts) == 1:
            return parts[0]
        return FeatureRows(
            np.concatenate([part.index for part in parts]),
            np.concatenate([part.numeric for part in parts]),
            np.concatenate([part.categorical for part in parts]),
            {position: error for part in parts for position, error in part.errors.items()},
        )

    def _read(self, sources: Sequence[Mapping[str, Any]], first: int) -> list[FeatureRows]:
        """The rows of some documents of a page, of which the first stands at this position."""
        for spelling in self._spellings:
            try:
                return [self._rows(*spelling.values(sources), first, len(sources))]
            except OddError:
                continue
        if len(sources) == 1:
            return [self._alone(sources[0], first)]
        step = -(-len(sources) // PARTS)
        return [
            rows
            for begin in range(0, len(sources), step)
            for rows in self._read(sources[begin : begin + step], first + begin)
        ]

    def _rows(self, numbers: NDArray[np.float64], words: list[str], first: int, n: int) -> FeatureRows:
        """The arrays of n documents from their values, in any shape.

        Raises:
            OddError: a number that float32 cannot hold, or a word that is none.
        """
        # NaN fails the comparison too
        if numbers.size and not (numbers.max() <= FLOAT32_MAX and numbers.min() >= -FLOAT32_MAX):
            raise OddError
        if not all(map(_is_word, {*words})):
            raise OddError
        numeric = numbers.astype(np.float32).reshape(n, len(self.contract.numeric))
        categorical = np.array(words, np.object_).reshape(n, len(self.contract.categorical))
        return FeatureRows(np.arange(first, first + n), numeric, categorical, {})

    def _alone(self, source: Mapping[str, Any], position: int) -> FeatureRows:
        """One document field by field: the way that knows every message."""
        numbers: list[float] = []
        words: list[str] = []
        try:
            for feature in self.contract.features:
                value = self._value(source, feature)
                if feature.kind == "float":
                    numbers.append(to_number(feature.field, value))
                else:
                    words.append(to_word(feature.field, value))
        except DocumentError as error:
            empty = self._rows(np.array([]), [], position, 0)
            return FeatureRows(empty.index, empty.numeric, empty.categorical, {position: _without_frames(error)})
        return self._rows(np.array(numbers), words, position, 1)

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


def _without_frames(error: DocumentError) -> DocumentError:
    """The error alone. Its trace leads to the page, which holds the error: such a ring would keep every page in
    memory.
    """
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
    if abs(number) > FLOAT32_MAX:
        raise NotFiniteError(field, number, expected=f"{A_NUMBER} of at most {FLOAT32_MAX:.3g} (float32)")
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


def _is_word(text: str) -> bool:
    """Whether a text is a word as it stands."""
    return 0 < len(text) <= MAX_WORD and text == text.strip(BLANKS) and (text.isascii() or _has_utf8(text))


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
