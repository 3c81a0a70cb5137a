"""A second model that answers beside the active one, to be compared before it is trusted.

documents ─┬─▶ active model ──▶ fields ─────────────────────┬─▶ the result, whose verdict is the active model's alone
           └─▶ shadow ────────▶ oversight.shadow.* ─────────┘
                      └─ it fails: the log says so, the result goes without

It gives no reasons: they cost more than the prediction, and nobody acts on a shadow's.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contract.errors import ArtifactError
from enrich_service.model.artifact import Artifact
from enrich_service.predict.enrich import Document, Enricher

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
        self.model = {"id": artifact.contract.name, "version": artifact.version}
        self._active_version = active.version
        self._on_compared = on_compared
        self._enricher = Enricher(artifact, reasons=False)
        self._silent_until_s = 0.0

    def beside(self, documents: Sequence[Document], results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The results with the shadow's answer in each that holds a prediction. Never raises: a shadow harms nobody."""
        try:
            return self._beside(documents, results)
        except ArtifactError as error:
            self._say(f"{error}")
        except Exception as error:
            log.exception("internal error in the shadow")
            self._say(type(error).__name__)
        return [dict(result) for result in results]

    def _beside(self, documents: Sequence[Document], results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        answered = [position for position, result in enumerate(results) if "fields" in result]
        whole = len(answered) == len(results)
        opinions = self._enricher.enrich(documents if whole else [documents[position] for position in answered])
        joined = [dict(result) for result in results]
        pairs: Counter[tuple[str, str]] = Counter()
        for position, opinion in zip(answered, opinions, strict=True):
            fields = joined[position]["fields"]
            active = fields["oversight"]
            shadow = self._fields(opinion, active["prediction"]["label"])
            pairs[active["prediction"]["label"], shadow.get("label", shadow.get("error", ""))] += 1
            joined[position]["fields"] = {**fields, "oversight": {**active, "shadow": shadow}}
        if self._on_compared is not None:
            self._on_compared(self._active_version, self.model["version"], pairs)
        return joined

    def _fields(self, opinion: Mapping[str, Any], active_label: str) -> dict[str, Any]:
        """What stands under `oversight.shadow`; a document that the shadow cannot read has the error's code there."""
        if "error" in opinion:
            return {"error": opinion["error"]["type"], "agrees": False, "model": self.model}
        prediction = opinion["fields"]["oversight"]["prediction"]
        taken = {name: prediction[name] for name in TAKEN if name in prediction}
        return {**taken, "agrees": taken["label"] == active_label, "model": self.model}

    def _say(self, why: str) -> None:
        """One line a minute at most."""
        now_s = time.monotonic()
        if now_s >= self._silent_until_s:
            self._silent_until_s = now_s + SAY_EVERY_S
            log.error(
                "the shadow %s fails (%s), so results lack its answer; switch it off with `oversight model "
                "shadow --off`",
                self.model["version"],
                why,
                extra={"event.action": "shadow-failed", "oversight.shadow.model.version": self.model["version"]},
            )
