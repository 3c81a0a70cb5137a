"""Write an analyst's verdict to `oversight.feedback.*`. No pipeline or watcher writes there.

one id ─────────▶ judge() ─────────┐
chosen documents ▶ judge_chosen() ─┼──▶ does the verdict fit, is all as it was seen? ──▶ `BulkWriter`
a point in time ─▶ judge_point() ──┘
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from elasticsearch import Elasticsearch

from contract.artifact.contract import Label
from contract.errors import EngineUnavailableError, InputError, shorten
from watcher.read.hit import Hit
from watcher.verdicts.bulk import TRIES, Aim, BulkWriter, Decide, Hooks, Outcome, Skip, Tally
from watcher.verdicts.chosen import Point
from watcher.verdicts.documents import MOST_IDS, find
from watcher.verdicts.feedback import (
    Feedback,
    Verdict,
    check,
    feedback_of,
    partial,
    predicted,
    says_the_same,
    seen_in,
    stored,
    why_not,
)
from watcher.write.actions import iso_millis


@dataclass(frozen=True, slots=True)
class Judged:
    """A document and its verdict."""

    id: str
    index: str
    predicted: str | None
    feedback: Feedback | None
    """None: it has no verdict any more."""


def judge(
    es: Elasticsearch,
    index: str,
    doc_id: str,
    verdict: Verdict | None,
    *,
    labels: Sequence[Label] | None,
    now: datetime | None = None,
) -> Judged:
    """Write a verdict to one document, in place of an earlier one; None removes it.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        doc_id: `_id` of the document.
        verdict: the verdict.
        labels: the model's labels, to check the verdict's label; None: do not check it.
        now: time of the verdict.
    Raises:
        InputError: there is no such document, there are several, or the verdict does not fit what was predicted.
        EngineUnavailableError: Elasticsearch does not answer, or someone else keeps changing the document.
    """
    hit = find(es, index, doc_id)
    tally = judge_chosen(es, index, [Aim(hit, None)], verdict, labels=labels, now=now, stop=threading.Event())
    if tally.fault is not None:
        raise tally.fault
    for reason in tally.spared:
        raise InputError(f"document {shorten(doc_id)} cannot be judged: {reason}")
    for reason in tally.refused:
        raise InputError(f"Elasticsearch refuses the verdict on {shorten(doc_id)}: {reason}")
    if not tally.written + tally.unchanged:
        raise EngineUnavailableError(
            f"document {shorten(doc_id)} was changed by someone else during each of {TRIES} tries, or deleted; no "
            "verdict was written, try again"
        )
    now_there = find(es, index, doc_id)
    return Judged(doc_id, hit.index, predicted(now_there.source), feedback_of(now_there.source) or None)


def judge_chosen(
    es: Elasticsearch,
    index: str,
    aims: Sequence[Aim],
    verdict: Verdict | None,
    *,
    labels: Sequence[Label] | None,
    stop: threading.Event,
    now: datetime | None = None,
    hooks: Hooks | None = None,
) -> Tally:
    """Write a verdict to some documents.

    Args:
        es, index, verdict, labels, now: as for `judge`.
        aims: the documents, each with what the person saw of it.
        stop: ends the work after the current page.
        hooks: functions to call.
    Raises:
        InputError: the verdict fits no document.
    """
    pages = (aims[start : start + MOST_IDS] for start in range(0, len(aims), MOST_IDS))
    return BulkWriter(es, index, _decider(verdict, labels, now), stop=stop, hooks=hooks).run(pages)


def judge_point(
    point: Point,
    verdict: Verdict | None,
    *,
    labels: Sequence[Label] | None,
    stop: threading.Event,
    now: datetime | None = None,
    hooks: Hooks | None = None,
) -> Tally:
    """Write a verdict to every document of a point in time.

    A document that someone judges after that moment, or whose label changes, is a conflict.

    Args:
        point: the documents.
        verdict, labels, stop, now, hooks: as for `judge_chosen`.
    Raises:
        InputError: the verdict fits no document.
    """

    def pages() -> Iterator[list[Aim]]:
        for page in point.pages():
            yield [Aim(hit, seen_in(hit.source)) for hit in page]

    return BulkWriter(point.es, point.index, _decider(verdict, labels, now), stop=stop, hooks=hooks).run(pages())


def _decider(verdict: Verdict | None, labels: Sequence[Label] | None, now: datetime | None) -> Decide:
    """Return the function that decides about one document."""
    if verdict is not None:
        check(verdict, labels)
    at = iso_millis(now or datetime.now(UTC))
    wanted: Mapping[str, str] = {}
    if verdict is not None:
        wanted = {**{name: value for name, value in asdict(verdict).items() if value is not None}, "at": at}

    def decide(hit: Hit, seen: str | None) -> Outcome:
        reason = why_not(hit.source, verdict)
        if reason is not None:
            return reason
        there = feedback_of(hit.source) or {}
        if says_the_same(there, verdict):
            return Skip.UNCHANGED
        if seen is not None and seen != seen_in(hit.source):
            return Skip.CONFLICT
        return partial(stored(hit.source) or {}, wanted)

    return decide
