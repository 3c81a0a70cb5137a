"""A second model that predicts the same documents as the active one, so that people can compare them.

    documents ─┬─▶ active model ──▶ fields ─────────────────────┬─▶ the result, with the active model's verdict
               └─▶ shadow ────────▶ oversight.shadow.* ─────────┘
                          └─ fails: logged, the result has no oversight.shadow

It gives no reasons: they cost more than the prediction, and nobody acts on the shadow's verdict.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import compress

from msgspec import UNSET
from msgspec.structs import replace

from contract import wire
from contract.errors import ArtifactError
from enrich_service.model.artifact import Artifact
from enrich_service.predict.enrich import DocumentResult, Enricher
from enrich_service.predict.page import Page

log = logging.getLogger(__name__)

Pairs = Mapping[tuple[str, str], int]
"""Number of documents by verdict of the active model and verdict of the shadow."""
OnCompared = Callable[[Pairs], None]
"""Called after each page with the pairs of verdicts, equal ones too."""

TAKEN = ("label", "closest", "family", "probability", "novelty", "value", "score", "unknown")
"""Fields of the shadow's prediction that are written into the document."""
SAY_EVERY_S = 60.0
"""A shadow that fails on every page is logged this often."""


class Shadow:
    """The shadow of one active model."""

    def __init__(self, artifact: Artifact, *, on_compared: OnCompared | None = None) -> None:
        self.artifact = artifact
        self._on_compared = on_compared
        self._enricher = Enricher(artifact, reasons=False, cache_bytes=0)
        self.model = self._enricher.model
        self._silent_until_s = 0.0

    def beside(self, page: Page, results: list[DocumentResult]) -> list[DocumentResult]:
        """Add the shadow's prediction to each result with a prediction. Never raises: a shadow must not cause harm."""
        try:
            return self._beside(page, results)
        except ArtifactError as error:
            self._say(f"{error}")
        except Exception as error:
            log.exception("internal error in the shadow")
            self._say(type(error).__name__)
        return results

    def _beside(self, page: Page, results: Sequence[DocumentResult]) -> list[DocumentResult]:
        predicted = [result.fields is not UNSET for result in results]
        chosen = Page(list(compress(page.ids, predicted)), list(compress(page.sources, predicted)))
        opinions = iter(self._enricher.enrich(chosen))
        pairs: Counter[tuple[str, str]] = Counter()
        joined = []
        for result in results:
            if result.fields is not UNSET:
                active = result.fields.oversight
                label = active.prediction.label
                shadow = self._shadow(next(opinions), label)
                pairs[label, shadow.label or shadow.error or ""] += 1
                # a copy, because the cache may hold the result
                fields = replace(result.fields, oversight=replace(active, shadow=shadow))
                result = replace(result, fields=fields)
            joined.append(result)
        if self._on_compared is not None:
            self._on_compared(pairs)
        return joined

    def _shadow(self, opinion: DocumentResult, active_label: str) -> wire.Shadow:
        """The fields below `oversight.shadow`; the error's code if the shadow cannot read the document."""
        if opinion.fields is UNSET:
            code = "" if opinion.error is UNSET else opinion.error.type
            return wire.Shadow(error=code, agrees=False, model=self.model)
        found = opinion.fields.oversight.prediction
        taken = {name: getattr(found, name) for name in TAKEN}
        return wire.Shadow(**taken, agrees=found.label == active_label, model=self.model)

    def _say(self, why: str) -> None:
        """Log at most one line a minute."""
        now_s = time.monotonic()
        if now_s >= self._silent_until_s:
            self._silent_until_s = now_s + SAY_EVERY_S
            log.error(
                "the shadow %s fails (%s), so results lack its answer; switch it off with "
                "`oversight model shadow --off`",
                self.model.version,
                why,
                extra={"event.action": "shadow-failed", "oversight.shadow.model.version": self.model.version},
            )
