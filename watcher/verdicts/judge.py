"""Write an analyst's verdict on one prediction to `oversight.feedback.*`. No pipeline or watcher writes there.

id ──▶ find the document ──▶ does the verdict fit? ──▶ update, compare-and-set ──▶ written
              ▲                                                 │
              └──────────────── it changed in the meantime ◀────┘
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch, NotFoundError

from contract.artifact.contract import Label
from contract.documents.feedback import FALSE_POSITIVE, ROOT, TRUE_POSITIVE
from contract.documents.fields import PREDICTED_LABEL
from contract.documents.paths import lookup_text
from contract.errors import EngineUnavailableError, InputError, shorten
from watcher.elastic_faults import EngineRefusesError, engine_faults, index_missing
from watcher.read.hit import Hit, hit_of
from watcher.read.source_filters import why_not_written
from watcher.write.actions import iso_millis
from watcher.write.changes import DONE, Change, send

TRIES = 8
"""How often the document is read again because it changed in the meantime."""
WAIT_S = 0.1
PARTS = ("verdict", "label", "comment", "by", "at")
READ = ("oversight",)


@dataclass(frozen=True, slots=True)
class Verdict:
    """An analyst's verdict on a prediction."""

    verdict: str
    """`true_positive` or `false_positive`."""
    by: str
    label: str | None = None
    """The true label, if the analyst gives one."""
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A document and its verdict."""

    id: str
    index: str
    predicted: str | None
    feedback: Mapping[str, str] | None
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
    """Write a verdict to a document, in place of an earlier one; None removes it.

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
    at = iso_millis(now or datetime.now(UTC))
    for attempt in range(TRIES):
        if attempt:
            time.sleep(WAIT_S * attempt)
        hit = find(es, index, doc_id)
        flat = _feedback(hit, verdict, labels, at)
        if flat is None:  # nothing to take back
            return Judged(doc_id, hit.index, predicted(hit), None)
        if reason := why_not_written(es, hit.index):
            raise InputError(reason)
        change = Change(hit, {"oversight": {"feedback": flat}})
        with engine_faults("writing a verdict", index=hit.index):
            (item,) = send(es, [change])
        status = int(item["status"])
        if status in DONE:
            kept = {name: str(value) for name, value in flat.items() if value is not None}
            return Judged(doc_id, hit.index, predicted(hit), kept or None)
        if status in (401, 403):
            raise EngineRefusesError(
                f"Elasticsearch refuses to write the verdict to {hit.index} ({status}); your user or key "
                f"needs the privilege `write` there, and the index must take writes"
            )
        if status not in (404, 409, 429, 503):
            raise InputError(
                f"Elasticsearch refuses the verdict on {shorten(doc_id)} ({status}: "
                f"{shorten(item.get('error'), 200)}); "
                f"look at the mapping of {ROOT}"
            )
    raise EngineUnavailableError(
        f"document {shorten(doc_id)} was changed by someone else during each of {TRIES} tries; no verdict was "
        "written, try again"
    )


def find(es: Elasticsearch, index: str, doc_id: str) -> Hit:
    """Return the one document with this id, with its last write.

    Raises:
        InputError: there is none, or there are several.
    """
    with engine_faults("looking for the document", index=index):
        answer = es.search(
            index=index,
            query={"ids": {"values": [doc_id]}},
            size=10,
            seq_no_primary_term=True,
            source=False,
            ignore_unavailable=True,
        )
    if not answer["_shards"]["total"]:
        raise index_missing(index)
    hits = [hit_of(item) for item in answer["hits"]["hits"]]
    if not hits:
        raise _unknown(doc_id, index)
    if len(hits) > 1:
        places = ", ".join(sorted(hit.index for hit in hits))
        raise InputError(f"document {shorten(doc_id)} is there {len(hits)} times, in {places}; choose one with --index")
    return _as_it_is_now(es, hits[0])


def _as_it_is_now(es: Elasticsearch, hit: Hit) -> Hit:
    """Return the document with its last write, which a search may not show yet."""
    with engine_faults("reading the document", index=hit.index):
        try:
            return hit_of(es.get(index=hit.index, id=hit.id, routing=hit.routing, source_includes=READ).body)
        except NotFoundError:
            raise _unknown(hit.id, hit.index) from None


def _unknown(doc_id: str, index: str) -> InputError:
    return InputError(
        f"there is no document {shorten(doc_id)} in {index}; expected the `_id` that Kibana or the search API shows, "
        f"and the right --namespace or --index"
    )


def predicted(hit: Hit) -> str | None:
    """Return the predicted label."""
    return lookup_text(hit.source, PREDICTED_LABEL)


def _feedback(
    hit: Hit, verdict: Verdict | None, labels: Sequence[Label] | None, at: str
) -> dict[str, str | None] | None:
    """Return the partial document below `oversight.feedback`; None if there is nothing to write."""
    there = _object(hit)
    if verdict is None:
        return dict.fromkeys(there) if any(value is not None for value in there.values()) else None
    check(verdict, predicted(hit), labels, doc_id=hit.id)
    given = {**asdict(verdict), "at": at}
    return {name: given[name] for name in PARTS if given[name] is not None or name in there}


def _object(hit: Hit) -> Mapping[str, Any]:
    """Return the existing feedback.

    Raises:
        InputError: the field holds a list or a value, which a verdict would replace.
    """
    value: Any = hit.source
    for part in ROOT.split("."):
        value = value.get(part, {}) if isinstance(value, Mapping) else value
    if isinstance(value, Mapping):
        return value
    raise InputError(
        f"document {shorten(hit.id)} has a list or a value where {ROOT} belongs, which a verdict would "
        "replace; rename that field"
    )


def check(verdict: Verdict, prediction: str | None, labels: Sequence[Label] | None, *, doc_id: str) -> None:
    """Check that a verdict fits a prediction.

    Raises:
        InputError: it does not; the message says why.
    """
    if prediction is None:
        raise InputError(
            f"document {shorten(doc_id)} has no prediction yet, so there is nothing to judge; wait until it is enriched"
        )
    if verdict.label is None:
        return
    known = {label.name: label for label in labels or ()}
    if labels is not None and verdict.label not in known:
        raise InputError(
            f"{shorten(verdict.label)} is not a label of the model; expected one of {', '.join(sorted(known))} "
            f"(`oversight model` lists them; OVERSIGHT_MODEL names another model)"
        )
    harmless = verdict.label in known and known[verdict.label].severity == 0
    if verdict.verdict == TRUE_POSITIVE and harmless:
        raise InputError(f"a {TRUE_POSITIVE} cannot be {verdict.label!r}, which is harmless; say {FALSE_POSITIVE}")
    if verdict.verdict == FALSE_POSITIVE and verdict.label == prediction:
        raise InputError(
            f"a {FALSE_POSITIVE} cannot be {prediction!r}, which is what was predicted; say {TRUE_POSITIVE}"
        )
