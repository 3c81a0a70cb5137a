"""A page of documents -> one result a document, in the same order.

documents ──▶ features ──▶ predictions ──▶ reasons of the flagged ──▶ {"id", "fields"} as JSON in one go: `answer`
                  │            │                                          ▲                as dicts, to change: `enrich`
                  ├────────────│───── row that was answered before ───────┘
                  └────────────┴─ this document's fault ────────────▶ {"id", "error"}
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from contract.errors import DocumentError
from enrich_service.config import DEFAULT_CACHE_BYTES
from enrich_service.model.artifact import RUNTIME_ERRORS, Artifact, first_line
from enrich_service.predict.cache import (
    Kept,
    ResultCache,
    closest_of,
    first_rows,
    novel_of,
    rests_of,
    unknown_of,
    warnings_of,
)
from enrich_service.predict.encode import PageEncoder, dump_ids, dump_json, joined
from enrich_service.predict.features import FeatureReader, FeatureRows, row_keys
from enrich_service.predict.partial_documents import PartialDocuments
from enrich_service.predict.predict import Predictions, Predictor
from enrich_service.predict.reasons import Explainer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verdicted:
    """What is counted of a page; every array's first axis is the rows."""

    rows: FeatureRows
    closest: NDArray[np.intp]
    novel: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    warnings: Sequence[Sequence[str]]
    again: int = 0
    """How many of the rows needed no run of the model."""


OnPredicted = Callable[[Verdicted], None]
"""Told of each page that was predicted."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document as a client sends it."""

    id: str
    source: Mapping[str, Any]


class Page(Sequence[Document]):
    """Documents of one request, kept as columns: a thousand objects less for each page."""

    def __init__(self, ids: list[str], sources: list[dict[str, Any]]) -> None:
        self.ids, self.sources = ids, sources

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> Document: ...
    @overload
    def __getitem__(self, index: slice) -> Page: ...
    def __getitem__(self, index: int | slice) -> Document | Page:
        if isinstance(index, slice):
            return Page(self.ids[index], self.sources[index])
        return Document(self.ids[index], self.sources[index])

    def __iter__(self) -> Iterator[Document]:
        return map(Document, self.ids, self.sources)


Found = tuple[list[int], list[bytes], Mapping[int, DocumentError]]
"""Positions of documents, their results, and the errors of the others by position."""


@dataclass(frozen=True, slots=True)
class Answer:
    """All results of a page."""

    results: list[bytes]
    """The JSON of each, in the order of the documents."""
    failures: Counter[str]
    """How many documents got an error, by its type."""


class Enricher:
    """All that answers for one model. What it keeps between two pages changes no answer; threads may share it.

    Args:
        artifact: the model.
        unknown_is_alert: whether a verdict `unknown` makes an alert of a document.
        reasons: whether flagged documents get reasons.
        on_predicted: told of each page.
        cache_bytes: memory for results of rows that come again; 0: each row is predicted each time.
    """

    def __init__(
        self,
        artifact: Artifact,
        *,
        unknown_is_alert: bool = False,
        reasons: bool = True,
        on_predicted: OnPredicted | None = None,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        self.artifact = artifact
        self.model = {"id": artifact.contract.name, "version": artifact.version}
        self._on_predicted = on_predicted
        self._reader = FeatureReader(artifact.contract)
        self._predictor = Predictor(artifact)
        self._explainer = Explainer(artifact) if reasons else None
        self._partial = PartialDocuments(artifact.contract, artifact.version, unknown_is_alert=unknown_is_alert)
        self._encoder = PageEncoder(self._partial)
        self._cache = ResultCache(cache_bytes)

    def answer(self, documents: Sequence[Document]) -> Answer:
        """One result a document, in the same order, as JSON: `{"id", "fields"}` or `{"id", "error"}`.

        Raises:
            ArtifactError: the model does not answer at all; no document is at fault.
        """
        ids = dump_ids(documents.ids if isinstance(documents, Page) else [document.id for document in documents])
        rows = self._reader.read(_sources(documents))
        index, found, errors = (self._known if self._cache.pays(len(rows.index)) else self._new)(ids, rows)
        results = found if len(index) == len(ids) else _put([b""] * len(ids), index, found)
        for position, error in errors.items():
            results[position] = b'{"id":%b,"error":%b}' % (ids[position], dump_json(error_fields(error)))
        return Answer(results, Counter(error.code for error in errors.values()))

    def _new(self, ids: Sequence[bytes], rows: FeatureRows) -> Found:
        """Index and results of some rows, each predicted, and all errors by position."""
        if not len(rows.index):
            return [], [], rows.errors
        predictions = self._predictor.predict(rows)
        self._tell(_verdicted(predictions))
        index = predictions.rows.index.tolist()
        of_rows = ids if len(index) == len(ids) else [ids[position] for position in index]
        numbers, reasons = self._partial.numbers(predictions), self._reasons(predictions)
        return index, self._encoder.results(of_rows, predictions, numbers, reasons), predictions.rows.errors

    def _known(self, ids: Sequence[bytes], rows: FeatureRows) -> Found:
        """As `_new`, where each different row is predicted once, and not at all if it was before."""
        began_s = time.perf_counter()
        keys = row_keys(rows.numeric, rows.categorical)
        found = self._cache.look(keys)
        asked = first_rows(keys, [row for row, kept in enumerate(found) if kept is None])
        errors, bad, ask_s = dict(rows.errors), dict[bytes, DocumentError](), 0.0
        if asked:
            ask_began_s = time.perf_counter()
            fresh, bad = self._ask(rows, asked)
            ask_s = time.perf_counter() - ask_began_s
            self._cache.keep(fresh)
            found = [kept or fresh.get(key) for kept, key in zip(found, keys, strict=True)]
        index = rows.index.tolist()
        if bad:
            errors |= {index[row]: bad[key] for row, key in enumerate(keys) if key in bad}
            good = [row for row, kept in enumerate(found) if kept is not None]
            index, rows = [index[row] for row in good], rows.take(good)
        every = [kept for kept in found if kept is not None]
        results = joined(ids if len(index) == len(ids) else [ids[position] for position in index], map(rests_of, every))
        self._cache.looked(len(keys), len(asked), look_s=time.perf_counter() - began_s - ask_s, ask_s=ask_s)
        if every:
            self._tell(_of_kept(rows, every, again=len(every) - len(asked) + len(bad)))
        return index, results, errors

    def _ask(
        self, rows: FeatureRows, asked: Mapping[bytes, int]
    ) -> tuple[dict[bytes, Kept], dict[bytes, DocumentError]]:
        """What the model says of some rows by their keys, and the errors of those that it cannot compute."""
        key_of = dict(zip(asked.values(), asked, strict=True))
        predictions = self._predictor.predict(rows.take(list(key_of)))
        numbers, reasons = self._partial.numbers(predictions), self._reasons(predictions)
        columns = (
            self._encoder.rests(predictions, numbers, reasons) if len(predictions.closest) else [],
            predictions.closest.tolist(),
            predictions.novel.tolist(),
            predictions.unknown.tolist(),
            map(tuple, predictions.warnings),
        )
        good = [key_of[row] for row in predictions.rows.index.tolist()]
        errors = {key_of[row]: error for row, error in predictions.rows.errors.items()}
        return dict(zip(good, zip(*columns, strict=True), strict=True)), errors

    def enrich(self, documents: Sequence[Document]) -> list[dict[str, Any]]:
        """The results of `answer` as dicts, for who changes them: slower, and equal to their JSON.

        Raises:
            ArtifactError: the model does not answer at all; no document is at fault.
        """
        results: list[dict[str, Any]] = [{"id": document.id} for document in documents]
        rows = self._reader.read(_sources(documents))
        errors: Mapping[int, DocumentError] = rows.errors
        if len(rows.index):
            predictions = self._predictor.predict(rows)
            self._tell(_verdicted(predictions))
            errors = predictions.rows.errors
            numbers, reasons = self._partial.numbers(predictions), self._reasons(predictions)
            for row, position in enumerate(predictions.rows.index.tolist()):
                results[position]["fields"] = self._partial.build(predictions, numbers, row, reasons.get(row, []))
        for position, error in errors.items():
            results[position]["error"] = error_fields(error)
        return results

    def _tell(self, verdicted: Verdicted) -> None:
        if self._on_predicted is not None:
            self._on_predicted(verdicted)

    def _reasons(self, predictions: Predictions) -> dict[int, list[str]]:
        """Reasons of the rows that are an attack or unknown, by row."""
        if self._explainer is None:
            return {}
        unknown = predictions.unknown
        flagged = np.flatnonzero(predictions.attack | unknown)
        if not len(flagged):
            return {}
        rows = predictions.rows
        try:
            texts = self._explainer.reasons(
                rows.numeric[flagged], rows.categorical[flagged], predictions.closest[flagged], unknown[flagged]
            )
        except RUNTIME_ERRORS as error:
            log.warning(
                "cannot compute reasons for %d rows, their verdicts are kept: %s", len(flagged), first_line(error)
            )
            return {}
        return dict(zip(flagged.tolist(), texts, strict=True))


def error_fields(error: DocumentError) -> dict[str, str]:
    """A document's error as the answer holds it."""
    return {"type": error.code, "message": str(error), "field": error.field}


def _sources(documents: Sequence[Document]) -> Sequence[Mapping[str, Any]]:
    return documents.sources if isinstance(documents, Page) else [document.source for document in documents]


def _verdicted(predictions: Predictions) -> Verdicted:
    return Verdicted(
        predictions.rows, predictions.closest, predictions.novel, predictions.unknown, predictions.warnings
    )


def _of_kept(rows: FeatureRows, every: Sequence[Kept], *, again: int) -> Verdicted:
    """What is counted of rows, each with what is known of it."""
    return Verdicted(
        rows,
        closest=np.array(list(map(closest_of, every)), np.intp),
        novel=np.array(list(map(novel_of, every)), np.bool_),
        unknown=np.array(list(map(unknown_of, every)), np.bool_),
        warnings=list(map(warnings_of, every)),
        again=again,
    )


def _put(results: list[bytes], index: list[int], found: list[bytes]) -> list[bytes]:
    for position, result in zip(index, found, strict=True):
        results[position] = result
    return results
