"""From a page of documents to one result for each document, in the same order.

Page ──▶ cache ──▶ features ──▶ predictions ──▶ reasons of the flagged ──▶ Result(id, fields)
           │          │            │                                        ▲
           │          └────────────┴─ the document is wrong ──▶ Result(id, error)
           └─ flagged, and the same fields came before ─────────────────────┘
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import UNSET, UnsetType

from contract.errors import DocumentError
from contract.wire import DocumentError as Fault
from contract.wire import PartialDocument, Result
from enrich_service.model.artifact import Artifact
from enrich_service.predict.cache import Known, ResultCache
from enrich_service.predict.features import FeatureReader, row_keys
from enrich_service.predict.page import Page
from enrich_service.predict.partial_documents import PartialDocuments
from enrich_service.predict.predict import Predictor
from enrich_service.predict.reasons import Explainer, flagged_reasons
from enrich_service.settings import DEFAULT_CACHE_BYTES

OnEnriched = Callable[[Sequence[Known], int], None]
"""Called for each page with the results of its documents without an error, and how many came from the cache."""
DocumentResult = Result[PartialDocument]


class Enricher:
    """Enriches documents with one model. It never changes, and threads share it.

    Args:
        artifact: the model.
        unknown_is_alert: the verdict `unknown` is an alert too.
        reasons: flagged documents get reasons.
        on_enriched: called for each page.
        cache_bytes: memory for results of repeated documents; 0: no cache.
    """

    def __init__(
        self,
        artifact: Artifact,
        *,
        unknown_is_alert: bool = False,
        reasons: bool = True,
        on_enriched: OnEnriched | None = None,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        self.artifact = artifact
        self._on_enriched = on_enriched
        self._reader = FeatureReader(artifact.contract)
        self._predictor = Predictor(artifact)
        self._explainer = Explainer(artifact) if reasons else None
        self._partial = PartialDocuments(artifact.contract, artifact.version, unknown_is_alert=unknown_is_alert)
        self._cache = ResultCache(cache_bytes)
        self.model = self._partial.model

    def enrich(self, page: Page) -> list[DocumentResult]:
        """One result for each document, in the same order.

        Raises:
            ArtifactError: the model predicts nothing at all; no document is wrong.
        """
        found = self._cache.get(page.sources)
        new = [position for position, known in enumerate(found) if known is None]
        faults: list[Fault | UnsetType] = [UNSET] * len(found)
        if new:
            sources = [page.sources[position] for position in new]
            fresh, errors = self._answer(sources)
            for place, known in fresh.items():
                found[new[place]] = known
            for place, error in errors.items():
                faults[new[place]] = Fault(error.code, str(error), error.field)
            self._cache.put((sources[place], known) for place, known in fresh.items() if known.kind.flagged)
        enriched = [known for known in found if known is not None]
        if self._on_enriched is not None and enriched:
            self._on_enriched(enriched, len(found) - len(new))
        fields = [UNSET if known is None else known.fields for known in found]
        return list(map(Result, page.ids, fields, faults))

    def _answer(self, sources: Sequence[bytes]) -> tuple[dict[int, Known], Mapping[int, DocumentError]]:
        """The result or the error of each document, by position."""
        rows = self._reader.read(sources)
        if not len(rows.index):
            return {}, rows.errors
        predictions = self._predictor.predict(rows)
        rows = predictions.rows
        kinds = self._partial.kinds(predictions)
        reasons = {} if self._explainer is None else flagged_reasons(self._explainer, predictions)
        fields = self._partial.of(predictions, kinds, reasons)
        known = map(Known, fields, kinds, row_keys(rows.numeric, rows.categorical))
        return dict(zip(rows.index.tolist(), known, strict=True)), rows.errors
