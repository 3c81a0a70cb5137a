"""The models that a worker serves: one object that every request takes once, and that a switch replaces as a whole.

    request ──▶ models.current ──▶ Serving ──▶ the active model's results, each with the shadow's as oversight.shadow
                     ▲
                     └── switch(): another Serving takes its place; requests in flight keep the old one

So no response has results of two versions, and the old model is released after its last request.
"""

from __future__ import annotations

from collections.abc import Callable

from enrich_service.model.artifact import Artifact
from enrich_service.predict.enrich import DocumentResult, Enricher, OnEnriched
from enrich_service.predict.page import Page
from enrich_service.predict.shadow import OnCompared, Shadow
from enrich_service.settings import DEFAULT_CACHE_BYTES


class Serving:
    """The active model and its shadow. It never changes, and threads share it."""

    def __init__(
        self,
        artifact: Artifact,
        shadow: Artifact | None = None,
        *,
        unknown_is_alert: bool = False,
        on_compared: OnCompared | None = None,
        on_enriched: OnEnriched | None = None,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        self.artifact = artifact
        self.enricher = Enricher(
            artifact, unknown_is_alert=unknown_is_alert, on_enriched=on_enriched, cache_bytes=cache_bytes
        )
        self.shadow = None if shadow is None else Shadow(shadow, on_compared=on_compared)

    def enrich(self, page: Page) -> list[DocumentResult]:
        """One result for each document, in the same order.

        Raises:
            ArtifactError: the active model predicts nothing at all. A failure of the shadow never reaches a client.
        """
        results = self.enricher.enrich(page)
        return results if self.shadow is None else self.shadow.beside(page, results)


class ServedModels:
    """The models that a worker serves now. Reading and replacing `current` are atomic, so no lock is needed."""

    def __init__(self, make: Callable[[Artifact, Artifact | None], Serving], first: Serving) -> None:
        self._make = make
        self.current = first

    def switch(self, artifact: Artifact, shadow: Artifact | None = None) -> None:
        """Serve another model or shadow from the next request on."""
        self.current = self._make(artifact, shadow)
