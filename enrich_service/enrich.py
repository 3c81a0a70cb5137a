"""A page of documents -> one result a document, in the same order.

documents ──▶ features ──▶ predictions ──▶ reasons of the flagged ──▶ {"id", "fields"}   as JSON in one go: `answer`
                  └────────────┴─ this document's fault ────────────▶ {"id", "error"}    as dicts, to change: `enrich`
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from contract.errors import DocumentError
from enrich_service.artifact import RUNTIME_ERRORS, Artifact, first_line
from enrich_service.encode import PageEncoder, dump_ids, dump_json
from enrich_service.features import FeatureReader
from enrich_service.partial import PartialDocuments
from enrich_service.predict import Predictions, Predictor
from enrich_service.reasons import Explainer

log = logging.getLogger(__name__)


OnPredicted = Callable[[Predictions], None]
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


@dataclass(frozen=True, slots=True)
class Answer:
    """All results of a page."""

    results: list[bytes]
    """The JSON of each, in the order of the documents."""
    failures: Counter[str]
    """How many documents got an error, by its type."""


class Enricher:
    """All that answers for one model. It holds no state between two pages, so threads may share it."""

    def __init__(
        self,
        artifact: Artifact,
        *,
        unknown_is_alert: bool = False,
        reasons: bool = True,
        on_predicted: OnPredicted | None = None,
    ) -> None:
        self.artifact = artifact
        self.model = {"id": artifact.contract.name, "version": artifact.version}
        self._on_predicted = on_predicted
        self._reader = FeatureReader(artifact.contract)
        self._predictor = Predictor(artifact)
        self._explainer = Explainer(artifact) if reasons else None
        self._partial = PartialDocuments(artifact.contract, artifact.version, unknown_is_alert=unknown_is_alert)
        self._encoder = PageEncoder(self._partial)

    def answer(self, documents: Sequence[Document]) -> Answer:
        """One result a document, in the same order, as JSON: `{"id", "fields"}` or `{"id", "error"}`.

        Raises:
            ArtifactError: the model does not answer at all; no document is at fault.
        """
        ids = dump_ids(documents.ids if isinstance(documents, Page) else [document.id for document in documents])
        predictions, errors = self._predict(documents)
        results = [b""] * len(ids)
        if predictions is not None:
            index = predictions.rows.index.tolist()
            whole = len(index) == len(ids)
            numbers, reasons = self._partial.numbers(predictions), self._reasons(predictions)
            found = self._encoder.results(
                ids if whole else [ids[position] for position in index], predictions, numbers, reasons
            )
            results = found if whole else _put(results, index, found)
        for position, error in errors.items():
            results[position] = b'{"id":%b,"error":%b}' % (ids[position], dump_json(error_fields(error)))
        return Answer(results, Counter(error.code for error in errors.values()))

    def enrich(self, documents: Sequence[Document]) -> list[dict[str, Any]]:
        """The results of `answer` as dicts, for who changes them: slower, and equal to their JSON.

        Raises:
            ArtifactError: the model does not answer at all; no document is at fault.
        """
        results: list[dict[str, Any]] = [{"id": document.id} for document in documents]
        predictions, errors = self._predict(documents)
        if predictions is not None:
            numbers, reasons = self._partial.numbers(predictions), self._reasons(predictions)
            for row, position in enumerate(predictions.rows.index.tolist()):
                results[position]["fields"] = self._partial.build(predictions, numbers, row, reasons.get(row, []))
        for position, error in errors.items():
            results[position]["error"] = error_fields(error)
        return results

    def _predict(self, documents: Sequence[Document]) -> tuple[Predictions | None, Mapping[int, DocumentError]]:
        """What the model says, None where no document gave a row; and the errors of the others, by position."""
        sources = documents.sources if isinstance(documents, Page) else [document.source for document in documents]
        rows = self._reader.read(sources)
        if not len(rows.index):
            return None, rows.errors
        predictions = self._predictor.predict(rows)
        if self._on_predicted is not None:
            self._on_predicted(predictions)
        return predictions, predictions.rows.errors

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
            log.warning("no reasons for %d rows, their verdicts stand: %s", len(flagged), first_line(error))
            return {}
        return dict(zip(flagged.tolist(), texts, strict=True))


def error_fields(error: DocumentError) -> dict[str, str]:
    """A document's error as the answer holds it."""
    return {"type": error.code, "message": str(error), "field": error.field}


def _put(results: list[bytes], index: list[int], found: list[bytes]) -> list[bytes]:
    for position, result in zip(index, found, strict=True):
        results[position] = result
    return results
