"""From documents to the arrays that the graph takes.

    document, JSON ──▶ the type of `contract.sources` ──▶ the values of the page as columns ──▶ rows
                         └─ refused, or a value missing, twice, too large ──▶ field by field ──▶ a row, or DocumentError

A type reads documents fast whose fields have its order, and faster if they are nested and no others. Usually all
documents of a client are alike, so a page is read with the type for its first document.

The type accepts JSON numbers and texts. `contract.values` is the rule for everything else. It also reads the features
that are taken from a date, booleans, and words that may be numbers, in every document.

The ingest pipelines have the same rule for values (`es_pipelines/painless/features.painless`); docs/http-api.md has the
table, and a test checks both against it. The graph takes float32: numbers lose digits past the seventh.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from contract.artifact.contract import Feature, ModelContract
from contract.artifact.json_reader import FLOAT_MAX
from contract.documents.paths import leaves, lookup
from contract.errors import DocumentError
from contract.sources import NO_NUMBER, NO_WORD, Level, source_level
from contract.values import A_WORD, BLANKS, MAX_WORD, feature_value, has_utf8, words_are_numbers

FOLLOWED = 20
"""Fewest documents of a page for which a type is made or chosen; it takes as long as reading a few."""
PART = 200
"""Documents that are read at a time, so that their objects stay in the processor's cache. Long pages gain."""
ORDERS = 16
"""Most types of a model. A type of 1,000 features takes 0.7 MB, and clients could make up new orders for ever."""

RowKey = tuple[bytes, tuple[str, ...]]
"""The features of one document: its numbers as bytes of float32, and its words."""


@dataclass(frozen=True, slots=True)
class FeatureRows:
    """The features of a page of documents."""

    index: NDArray[np.intp]
    """Shape (n,): the position of each row's document, ascending."""
    numeric: NDArray[np.float32]
    """Shape (n, n_numeric), in the order of `contract.numeric`, all finite."""
    categorical: NDArray[np.object_]
    """Shape (n, n_categorical), str, in the order of `contract.categorical`."""
    errors: dict[int, DocumentError]
    """The error of each document without a row, by position."""


def row_keys(numeric: NDArray[np.float32], categorical: NDArray[np.object_]) -> list[RowKey]:
    """A key for each row; two rows have the same key if the graph gets the same bits for them.

    Args:
        numeric: shape (n, n_numeric).
        categorical: shape (n, n_categorical).
    """
    width = numeric.shape[1] * numeric.itemsize  # NumPy has no type of 0 bytes
    numbers = np.ascontiguousarray(numeric).view(f"V{width}").ravel().tolist() if width else [b""] * len(numeric)
    return list(zip(numbers, map(tuple, categorical.tolist()), strict=True))


class FeatureReader:
    """Reads the features of one contract; create it once for a model."""

    def __init__(self, contract: ModelContract) -> None:
        self.contract = contract
        numeric, categorical = list(enumerate(contract.numeric)), list(enumerate(contract.categorical))
        self._others = [(column, feature) for column, feature in (*numeric, *categorical) if not _is_plain(feature)]
        """The features that the type does not read, each with its column."""
        self._gaps = _Gaps(contract)
        self._types = [self._type_in(contract.fields)]
        self._type = self._types[0]
        """The one that fitted last."""

    def read(self, sources: Sequence[bytes]) -> FeatureRows:
        """Read the fields of some documents, each a JSON object."""
        if len(sources) >= FOLLOWED:
            self._type = self._type_for(sources[0])
        chosen = self._type  # once: another thread may replace it
        if len(sources) <= PART:
            return self._part(chosen, sources, 0)
        parts = [self._part(chosen, sources[begin : begin + PART], begin) for begin in range(0, len(sources), PART)]
        return FeatureRows(
            np.concatenate([part.index for part in parts]),
            np.concatenate([part.numeric for part in parts]),
            np.concatenate([part.categorical for part in parts]),
            {position: error for part in parts for position, error in part.errors.items()},
        )

    def _part(self, chosen: _Type, sources: Sequence[bytes], begin: int) -> FeatureRows:
        """Read the fields of the documents of a page from position `begin`."""
        values = _Values(self.contract, len(sources))
        read = np.ones(len(sources), np.bool_)
        read[chosen.read(sources, range(len(sources)), values)] = False
        if self._others:
            for position in np.flatnonzero(read).tolist():
                read[position] = self._read_others(values, position, sources[position])
        complete = values.complete(self._gaps) & read
        self._gaps.fill(values, complete)
        errors: dict[int, DocumentError] = {}
        for position in [] if complete.all() else np.flatnonzero(~complete).tolist():
            try:
                found = self._field_by_field(_objects(sources[position]))
                values.numbers[position], values.words[position] = found
                complete[position] = True
            except DocumentError as error:
                errors[begin + position] = _without_frames(error)
        index = np.flatnonzero(complete)
        return FeatureRows(begin + index, values.numbers[index].astype(np.float32), values.words[index], errors)

    def _type_for(self, source: bytes) -> _Type:
        """The type with the order of a document; the present one if there is none, and no more may be made."""
        try:
            paths = [path for path, _ in leaves(orjson.loads(source))]
        except (orjson.JSONDecodeError, RecursionError):
            return self._type
        known = frozenset(self._type.order)
        order = [path for path in paths if path in known]
        found = next((each for each in self._types if each.has(order)), None)
        if found is None and len(self._types) < ORDERS:
            found = self._type_in(order)
            self._types.append(found)
        return found.beginning_with(source) if found else self._type

    def _type_in(self, order: Sequence[str]) -> _Type:
        """A type with the fields in an order; those that the order lacks follow."""
        without = {feature.name for _, feature in self._others}
        every = tuple(dict.fromkeys((*order, *self.contract.fields)))

        def made(wider: _Type | None, *, exact: bool) -> _Type:
            level = source_level(self.contract, without=without, order=order, exact=exact)
            return _Type(every, level, msgspec.json.Decoder(level.type).decode, wider)

        return made(made(None, exact=False), exact=True)

    def _read_others(self, values: _Values, position: int, source: bytes) -> bool:
        """Read the features that the type does not read; False if one is missing or wrong."""
        document = _objects(source)
        for column, feature in self._others:
            try:
                value = feature_value(feature, lookup(document, feature.field), model_id=self.contract.name)
            except DocumentError:
                return False  # the document is read again field by field, for the error of its first wrong feature
            (values.words if feature.kind == "string" else values.numbers)[position, column] = value
        return True

    def _field_by_field(self, source: Mapping[str, Any]) -> tuple[list[float], list[str]]:
        """Numbers and words of a document that has other values than JSON numbers and plain texts.

        Raises:
            DocumentError: a value is missing or wrong.
        """
        numbers: list[float] = []
        words: list[str] = []
        for feature in self.contract.features:
            value = feature_value(feature, lookup(source, feature.field), model_id=self.contract.name)
            if isinstance(value, str):
                words.append(value)
            else:
                numbers.append(value)
        return numbers, words


@dataclass(frozen=True, slots=True)
class _Type:
    """The type of documents with their fields in one order."""

    order: tuple[str, ...]
    """All document fields of the contract."""
    level: Level
    decode: Callable[[bytes], msgspec.Struct]
    wider: _Type | None
    """Reads the documents that this type refuses, because they have another spelling or other fields."""

    def has(self, order: Sequence[str]) -> bool:
        """Whether these fields have the type's order; some may be absent."""
        rest = iter(self.order)
        return all(field in rest for field in order)

    def beginning_with(self, source: bytes) -> _Type:
        """The type for a page with this first document: the wider one if this one refuses the document."""
        try:
            self.decode(source)
        except (msgspec.DecodeError, RecursionError):
            return self.wider or self
        return self

    def read(self, sources: Sequence[bytes], positions: Sequence[int], values: _Values) -> list[int]:
        """Read the documents at some positions.

        Args:
            sources: all documents of `values`.
            positions: which of them to read.
            values: takes the values.
        Returns:
            the positions of the documents that were not read: they have other values than JSON numbers and texts.
        """
        objects, refused = [self.level.empty] * len(sources), []
        for position in positions:
            try:
                objects[position] = self.decode(sources[position])
            except (msgspec.DecodeError, RecursionError):
                refused.append(position)
        values.add(self.level, objects)
        return self.wider.read(sources, refused, values) if refused and self.wider else refused


class _Gaps:
    """What documents may lack, and what stands for it; created once, because most models allow no gaps."""

    def __init__(self, contract: ModelContract) -> None:
        self.numbers, self.words = map(_may_miss, (contract.numeric, contract.categorical))
        """Shape (n_numeric,) and (n_categorical,): the features that may miss; None if none may."""
        self._numbers, self._words = map(_fillings, (contract.numeric, contract.categorical))

    def fill(self, values: _Values, read: NDArray[np.bool_]) -> None:
        """Put what stands for a missing value into the documents that could be read."""
        for filled, into in ((self._numbers, values.numbers), (self._words, values.words)):
            for column, value in filled:
                into[read & ~_given(into[:, column]), column] = value


def _may_miss(features: Sequence[Feature]) -> NDArray[np.bool_] | None:
    marks = [feature.missing != "error" for feature in features]
    return np.array(marks) if any(marks) else None


def _fillings(features: Sequence[Feature]) -> list[tuple[int, float | str]]:
    """Column and value of the features for which a fixed value stands."""
    fixed = [(column, feature.missing_value) for column, feature in enumerate(features) if feature.missing == "value"]
    return [(column, value) for column, value in fixed if value is not None]


class _Values:
    """The values of n documents, from every place where a document may have them."""

    def __init__(self, contract: ModelContract, n: int) -> None:
        self.numbers = np.full((n, len(contract.numeric)), NO_NUMBER)
        """Shape (n, n_numeric), float64."""
        self.words = np.full((n, len(contract.categorical)), NO_WORD, np.object_)
        """Shape (n, n_categorical)."""
        self._twice = np.zeros(n, np.bool_)
        self._empty = True

    def add(self, level: Level, objects: Sequence[msgspec.Struct]) -> None:
        """Add the values of the objects at one place, one object for each document, and of the objects below."""
        if all(each is level.empty for each in objects):
            return
        rows = list(map(msgspec.structs.astuple, objects))
        n_own = len(level.numbers) + len(level.words)
        nothing = msgspec.structs.astuple(level.empty)[:n_own]
        if n_own and any(row[:n_own] != nothing for row in rows):
            columns = list(zip(*rows, strict=True))
            numbers = _floats([columns[place] for place in level.number_places], len(rows))
            words = _texts([columns[place] for place in level.word_places], len(rows))
            if self._empty and numbers.shape == self.numbers.shape and words.shape == self.words.shape:
                self.numbers, self.words = numbers, words
            else:
                self._merge(self.numbers, level.numbers, numbers)
                self._merge(self.words, level.words, words)
            self._empty = False
        for place, below in enumerate(level.below, n_own):
            self.add(below, [row[place] for row in rows])

    def _merge(self, into: NDArray[Any], columns: Sequence[int], found: NDArray[Any]) -> None:
        """Write values into some columns, and note the documents that already had a value there."""
        chosen = list(columns)
        before = into[:, chosen]
        given = _given(found)
        self._twice |= (_given(before) & given).any(axis=1)
        into[:, chosen] = np.where(given, found, before)

    def complete(self, gaps: _Gaps) -> NDArray[np.bool_]:
        """Shape (n,): the document has every feature that may not miss, once, as a float32 or a plain word."""
        fine = np.abs(self.numbers) <= FLOAT_MAX  # false for NaN
        if gaps.numbers is not None:
            fine |= np.isnan(self.numbers) & gaps.numbers
        complete: NDArray[np.bool_] = fine.all(axis=1) & ~self._twice
        found = self.words
        if gaps.words is not None:
            found = np.where(~_given(found) & gaps.words, A_WORD, found)
        bad = {word for word in set(found.ravel("K").tolist()) if not _is_word(word)}
        if bad:
            complete &= np.array(list(map(bad.isdisjoint, found.tolist())))
        return complete


def _is_plain(feature: Feature) -> bool:
    """Whether a feature is a JSON number or a text, and no date, boolean or number that is a word."""
    return not words_are_numbers(feature) if feature.kind == "string" else feature.reads == "number"


def _objects(source: bytes) -> dict[str, Any]:
    """A document as Python objects; it may have half a surrogate pair or a number beyond float64."""
    try:
        found: dict[str, Any] = orjson.loads(source)
    except orjson.JSONDecodeError:
        found = json.loads(source, parse_int=_integer)
    return found


def _integer(digits: str) -> int | float:
    """Python refuses to make an integer of more than 4,300 digits. A float that large is infinite, so no feature."""
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def _given(values: NDArray[Any]) -> NDArray[np.bool_]:
    """The value is neither `NO_NUMBER` nor `NO_WORD`."""
    given: NDArray[np.bool_] = ~np.isnan(values) if values.dtype == np.float64 else values != NO_WORD
    return given


def _floats(columns: Sequence[tuple[Any, ...]], n: int) -> NDArray[np.float64]:
    """An array of shape (n, columns) from columns of n numbers; a number may be in a tuple of one.

    NumPy takes twice as long.
    """
    pack = struct.Struct(f"{n}d").pack
    try:
        packed = bytearray().join([pack(*column) for column in columns])
    except struct.error:
        packed = bytearray().join([pack(*map(_alone, column)) for column in columns])
    return np.frombuffer(packed, np.float64).reshape(len(columns), n).T


def _texts(columns: Sequence[tuple[Any, ...]], n: int) -> NDArray[np.object_]:
    """As `_floats`, for texts."""
    texts = list(chain.from_iterable(columns))
    if tuple in map(type, texts):
        texts = list(map(_alone, texts))
    return np.array(texts, np.object_).reshape(len(columns), n).T


def _alone(value: Any) -> Any:
    """The value of a tuple of one."""
    return value[0] if type(value) is tuple else value


def _without_frames(error: DocumentError) -> DocumentError:
    """The error without its traceback, which refers to the page: that cycle would keep pages in memory."""
    error.__context__ = None
    return error.with_traceback(None)


def _is_word(text: str | None) -> bool:
    """Whether a text needs no change to be a word."""
    return (
        text is not None
        and 0 < len(text) <= MAX_WORD
        and text == text.strip(BLANKS)
        and (text.isascii() or has_utf8(text))
    )
