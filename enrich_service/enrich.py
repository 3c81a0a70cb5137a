"""A page of documents -> one result a document, in the same order.

documents ──▶ features ──▶ predictions ──▶ reasons of the flagged ──▶ {"id", "fields"}
                  └────────────┴─ this document's fault ────────────▶ {"id", "error"}
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from contract.errors import DocumentError
from enrich_service.artifact import RUNTIME_ERRORS, Artifact, first_line
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

    def enrich(self, documents: Sequence[Document]) -> list[dict[str, Any]]:
        """One result a document, in the same order: `{"id", "fields"}` or `{"id", "error"}`.

        Raises:
            ArtifactError: the model does not answer at all; no document is at fault.
        """
        rows = self._reader.read([document.source for document in documents])
        results: list[dict[str, Any]] = [{"id": document.id} for document in documents]
        errors = rows.errors
        if len(rows.index):
            predictions = self._predictor.predict(rows)
            if self._on_predicted is not None:
                self._on_predicted(predictions)
            errors = predictions.rows.errors
            reasons = self._reasons(predictions)
            for row, position in enumerate(predictions.rows.index.tolist()):
                results[position]["fields"] = self._partial.build(predictions, row, reasons.get(row, []))
        for position, error in errors.items():
            results[position]["error"] = error_fields(error)
        return results

    def _reasons(self, predictions: Predictions) -> dict[int, list[str]]:
        """Reasons of the rows that are an attack or unknown, by row."""
        if self._explainer is None:
            return {}
        unknown = predictions.unknown
        flagged = np.flatnonzero(predictions.attack | unknown)
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
