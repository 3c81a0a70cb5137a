"""Read what was predicted for stored documents, beside their truth and the analysts' verdicts.

    documents with a truth or a verdict ──▶ pages ──▶ Judged: the stored prediction, the truth, the verdict
    enriched documents ──▶ two counts, first and last `@timestamp` ──▶ Alerts

Nothing is predicted again: the prediction is the one that people saw.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.feedback import ROOT, VERDICTS
from contract.documents.fields import MODEL_ID, MODEL_VERSION, PREDICTED_LABEL, TRUTH
from contract.documents.paths import lookup_clear, lookup_text
from watcher.elastic_faults import engine_faults
from watcher.operations import selection
from watcher.operations.selection import Query
from watcher.operations.sweep import read_all
from watcher.operations.trust import looks_forged
from watcher.read.hit import Hit
from watcher.read.readable_indices import refresh

CLOSEST, VALUE, SCORE = (f"oversight.prediction.{name}" for name in ("closest", "value", "score"))
TIME = "@timestamp"
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Judged:
    """One document: what was predicted, and what people or the shipper say about it."""

    model: str
    version: str
    label: str | None
    """The predicted label, or `unknown`; None if the document has no prediction."""
    closest: str | None
    """The model's own answer, always one of its labels."""
    number: float | None
    """The value or score."""
    truth: Any
    """None if the document has none."""
    verdict: str | None
    given: str | None
    """The label that the analyst gave."""
    forged: str | None
    """Why the verdict does not look as Oversight writes it."""


@dataclass(frozen=True, slots=True)
class Alerts:
    """How many predicted documents alert."""

    documents: int
    alerts: int
    days: float | None
    """Days from the first to the last document; None if they have no time."""

    @property
    def a_day(self) -> float | None:
        """Alerts a day; None if the documents span less than a day."""
        return None if self.days is None or self.days < 1 else round(self.alerts / self.days, 1)


def judged_query(*, field: str | None, words: str | None) -> Query:
    """Match the documents that can be judged.

    Args:
        field: the field of the truth, which need not be indexed; None: `oversight.truth.label`.
        words: a Lucene query string.
    """
    return selection.with_truth(words=words) if field is None else selection.enriched(words=words)


def read_judged(
    es: Elasticsearch, index: str, query: Query, *, field: str | None
) -> Generator[list[Judged], None, None]:
    """Return the documents that match, in pages.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        query: from `judged_query`.
        field: the field of the truth, as for `judged_query`.
    Raises:
        EngineUnavailableError: Elasticsearch does not answer for long.
    """
    truth = field or TRUTH
    fields = [truth, ROOT, PREDICTED_LABEL, CLOSEST, VALUE, SCORE, MODEL_ID, MODEL_VERSION]
    refresh(es, index)
    with closing(read_all(es, index, query, fields=fields)) as pages:
        for page in pages:
            yield [_judged(hit, truth) for hit in page]


def count_alerts(es: Elasticsearch, index: str, labels: Sequence[str], *, words: str | None) -> Alerts:
    """Count the enriched documents that match, and those among them that alert.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        labels: the labels that alert.
        words: a Lucene query string.
    Raises:
        EngineUnavailableError: Elasticsearch does not answer.
    """
    enriched = selection.enriched(words=words)
    of_alerts = {"bool": {"filter": [enriched, {"terms": {PREDICTED_LABEL: list(labels)}}]}}
    first, last = (_time(es, index, enriched, order) for order in ("asc", "desc"))
    days = None if first is None or last is None else (last - first) / 1000 / DAY_S
    return Alerts(selection.count(es, index, enriched), selection.count(es, index, of_alerts), days)


def _time(es: Elasticsearch, index: str, query: Query, order: str) -> int | None:
    """The first or last `@timestamp` in milliseconds since 1970; None if it is unknown."""
    dated = {"bool": {"filter": [query, {"exists": {"field": TIME}}]}}
    with engine_faults("looking for the first and last document", index=index):
        answer = es.search(
            index=index,
            query=dated,
            size=1,
            source=False,
            track_total_hits=False,
            ignore_unavailable=True,
            sort=[{TIME: {"order": order, "unmapped_type": "date"}}],
        )
    hits = answer["hits"]["hits"]
    found = hits[0]["sort"][0] if hits else None
    return found if isinstance(found, int) else None


def _judged(hit: Hit, truth: str) -> Judged:
    source = hit.source
    verdict = lookup_text(source, f"{ROOT}.verdict")
    verdict = verdict if verdict in VERDICTS else None
    value, score = lookup_clear(source, VALUE), lookup_clear(source, SCORE)
    label = lookup_text(source, PREDICTED_LABEL)
    return Judged(
        model=lookup_text(source, MODEL_ID) or "",
        version=lookup_text(source, MODEL_VERSION) or "",
        label=label,
        closest=lookup_text(source, CLOSEST) or label,
        number=_number(score if value is None else value),
        truth=lookup_clear(source, truth),
        verdict=verdict,
        given=lookup_text(source, f"{ROOT}.label"),
        forged=looks_forged(source) if verdict is not None else None,
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
