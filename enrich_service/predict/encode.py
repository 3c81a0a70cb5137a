"""A page of predictions -> the JSON of its results, without a dict for each.

    PartialDocuments ─▶ a document of each kind, with slots for its values ─▶ JSON, cut at the slots ─▶ pieces ─┐
    Numbers ──────────▶ the text of all numbers, in one call ──────────────────────────────────────▶ values ─┤
    row by row: piece, value, piece, value, ... ◀────────────────────────────────────────────────────────────┘

A document looks here as `PartialDocuments.build` makes it, because that is what the pieces are cut from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import orjson

from contract.documents.top_labels import SHARES, STEPS
from enrich_service.predict.partial_documents import Kind, Numbers, PartialDocuments, Values
from enrich_service.predict.predict import Predictions

_CUT = b"\xff"
"""Marks a slot in the JSON: a byte that UTF-8 never has."""
_SLOT = orjson.Fragment(_CUT)
_BEFORE_ID = b'{"id":'
_SHARES = np.array([share.encode() for share in SHARES], np.object_)

Texts = Sequence[bytes]


class PageEncoder:
    """Encodes the results of one model; made once for a model. Threads may share it."""

    def __init__(self, partial: PartialDocuments) -> None:
        self._partial = partial
        self._pieces_of = cache(self._pieces)  # a model has as many kinds as labels, twice, times the families
        names = [label.name for label in partial.contract.labels]
        self._next_label = np.array([b'",' + _entry(name).partition(_CUT)[0] for name in names], np.object_)

    def results(
        self, ids: Texts, predictions: Predictions, numbers: Numbers, reasons: Mapping[int, Sequence[str]]
    ) -> list[bytes]:
        """The JSON of n results.

        Args:
            ids: their ids in JSON, n of them.
            predictions: of n rows.
            numbers: theirs.
            reasons: of some of the rows.
        """
        before_id, *columns = self._columns(predictions, numbers, reasons)
        return list(map(b"".join, zip(before_id, ids, *columns, strict=True)))

    def rests(self, predictions: Predictions, numbers: Numbers, reasons: Mapping[int, Sequence[str]]) -> list[bytes]:
        """The JSON of n results from behind their ids, for `joined`."""
        _, *columns = self._columns(predictions, numbers, reasons)
        return list(map(b"".join, zip(*columns, strict=True)))

    def _columns(self, predictions: Predictions, numbers: Numbers, reasons: Mapping[int, Sequence[str]]) -> list[Texts]:
        """What the results are joined from, but for the ids, whose place is behind the first column."""
        risk_score, probability = _texts(numbers.risk_score, numbers.top[:, 0])
        novelty = [] if numbers.novelty is None else _texts(numbers.novelty)
        next_labels = self._next_label[predictions.top[:, 1:]].T.tolist()
        steps = np.minimum(np.maximum(np.rint(numbers.top * STEPS), 0), STEPS).astype(np.intp)
        first, *others = _SHARES[steps].T.tolist()
        top = [first, *chain.from_iterable(zip(next_labels, others, strict=True))]
        slots = [
            [],
            [risk_score],
            *([text] for text in novelty),
            [probability],
            top,
            [_extras(predictions.warnings, reasons, len(risk_score))],
        ]
        kinds = zip(predictions.closest.tolist(), predictions.novel.tolist(), predictions.family.tolist(), strict=True)
        *pieces, end = zip(*map(self._pieces_of, kinds), strict=True)
        columns: list[Texts] = []
        for piece, values in zip(pieces, slots, strict=True):
            columns += [piece, *values]
        return [*columns, end]

    def _pieces(self, kind: tuple[int, bool, int]) -> tuple[bytes, ...]:
        """What stands before, between and behind the values of a result of this kind."""
        contract = self._partial.contract
        # the list is one slot, in which the first label is known; a slot for reasons and warnings follows it
        top = orjson.Fragment(b"[" + _entry(contract.labels[kind[0]].name) + b"]" + _CUT)
        novelty = None if contract.novelty_threshold is None else _SLOT
        values = Values(risk_score=_SLOT, probability=_SLOT, top=top, novelty=novelty)
        result = {"id": _SLOT, "fields": self._partial.document(Kind(*kind), values)}
        return tuple(orjson.dumps(result).split(_CUT))


def joined(ids: Iterable[bytes], rests: Iterable[bytes]) -> list[bytes]:
    """Results of their ids, and of what `PageEncoder.rests` gave for each."""
    return [_BEFORE_ID + name + rest for name, rest in zip(ids, rests, strict=True)]


def dump_json(data: Any) -> bytes:
    """JSON; half a surrogate pair, which an id may hold, goes escaped as it came."""
    try:
        return orjson.dumps(data)
    except orjson.JSONEncodeError:
        return json.dumps(data).encode("ascii")


def dump_ids(ids: Sequence[str]) -> list[bytes]:
    """The JSON of each id."""
    try:
        return list(map(orjson.dumps, ids))
    except orjson.JSONEncodeError:
        return list(map(dump_json, ids))


def _entry(label: str) -> bytes:
    """`contract.documents.top_labels.as_word` in JSON, with a slot for the probability."""
    return orjson.dumps(f"{label} ")[:-1] + _CUT + b'"'


def _texts(*columns: Any) -> list[Texts]:
    """The JSON of the numbers of some columns, each of shape (n,)."""
    n = len(columns[0])
    texts = orjson.dumps(np.concatenate(columns), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    return [texts[n * column : n * (column + 1)] for column in range(len(columns))]


def _extras(warnings: Sequence[Sequence[str]], reasons: Mapping[int, Sequence[str]], n: int) -> list[bytes]:
    """What a prediction holds besides its values, as JSON that goes on behind a value."""
    extras = [b""] * n
    known: dict[int, bytes] = {}  # equal rows, of a flood, share one list
    for row, texts in reasons.items():
        if id(texts) not in known:
            known[id(texts)] = b',"reasons":' + dump_json(texts) if texts else b""
        extras[row] = known[id(texts)]
    for row, texts in enumerate(warnings):
        if texts:
            extras[row] += b',"warnings":' + dump_json(texts)
    return extras
