"""A second model that answers beside the active one, to be compared before it is trusted.

    documents ─┬─▶ active model ──▶ fields ─────────────────────┬─▶ the result, with the active model's verdict
               └─▶ shadow ────────▶ oversight.shadow.* ─────────┘
                          └─ it fails: the log says so, the result goes without

It gives no reasons: they cost more than the prediction, and nobody acts on a shadow's.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from msgspec import UNSET
from msgspec.structs import replace

from contract import wire
from contract.errors import ArtifactError
from enrich_service.model.artifact import Artifact
from enrich_service.predict.enrich import DocumentResult, Enricher
from enrich_service.predict.page import Page

log = logging.getLogger(__name__)

Pairs = Mapping[tuple[str, str], int]
"""How many documents had this verdict of the active model and that of the shadow."""
OnCompared = Callable[[str, str, Pairs], None]
"""Told after each page: version of the active model, version of the shadow, the verdicts in pairs (equal ones too)."""

TAKEN = ("label", "closest", "family", "probability", "novelty", "unknown")
"""What of the shadow's prediction goes into the document."""
SAY_EVERY_S = 60.0
"""A shadow that fails on every page fills no log."""


class Shadow:
    """The shadow of one active model."""

    def __init__(self, artifact: Artifact, active: Artifact, *, on_compared: OnCompared | None = None) -> None:
        self.artifact = artifact
        self.model = wire.Model(artifact.contract.name, artifact.version)
        self._active_version = active.version
        self._on_compared = on_compared
        self._enricher = Enricher(artifact, reasons=False, cache_bytes=0)
        self._silent_until_s = 0.0

    def beside(self, page: Page, results: list[DocumentResult]) -> list[DocumentResult]:
        """The results with the shadow's answer in each that holds a prediction. Never raises: a shadow harms nobody."""
        try:
            return self._beside(page, results)
        except ArtifactError as error:
            self._say(f"{error}")
        except Exception as error:
            log.exception("internal error in the shadow")
            self._say(type(error).__name__)
        return results

    def _beside(self, page: Page, results: Sequence[DocumentResult]) -> list[DocumentResult]:
        answered = page.where([result.fields is not UNSET for result in results])
        opinions = iter(self._enricher.enrich(answered))
        pairs: Counter[tuple[str, str]] = Counter()
        joined = []
        for result in results:
            if result.fields is not UNSET:
                active = result.fields.oversight
                label = active.prediction.label
                shadow = self._shadow(next(opinions), label)
                pairs[label, shadow.label or shadow.error or ""] += 1
                # the result may be kept, so it is copied and not changed
                fields = replace(result.fields, oversight=replace(active, shadow=shadow))
                result = replace(result, fields=fields)
            joined.append(result)
        if self._on_compared is not None:
            self._on_compared(self._active_version, self.model.version, pairs)
        return joined

    def _shadow(self, opinion: DocumentResult, active_label: str) -> wire.Shadow:
        """What is written under `oversight.shadow`; the error's code where the shadow cannot read the document."""
        if opinion.fields is UNSET:
            code = "" if opinion.error is UNSET else opinion.error.type
            return wire.Shadow(error=code, agrees=False, model=self.model)
        found = opinion.fields.oversight.prediction
        taken = {name: getattr(found, name) for name in TAKEN}
        return wire.Shadow(**taken, agrees=found.label == active_label, model=self.model)

    def _say(self, why: str) -> None:
        """One line a minute at most."""
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
