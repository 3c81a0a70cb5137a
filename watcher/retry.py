"""Give failed documents another try, each in the way in which it failed.

    failed by the endpoint ──▶ update: status pending, error.* null ────────────────────────▶ pending
    failed by a pipeline ──▶ the whole document, through its index's pipelines once more ──┬─▶ pending
                             (bulk `index` on the write that was read)                     └─▶ failed again, error.* of now

The pipeline finds the raw line in `event.original`. In a data stream it keeps `event.ingested` and `oversight.feedback`.
Without data streams it takes each write for a new document, so a second write puts these two back.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents import leaves, lookup, lookup_clear, nest
from contract.fields import DEFAULT_PIPELINE, FAILED, FINAL_PIPELINE, NO_PIPELINE, PENDING, STATUS
from watcher.actions import OUR_INDEX, in_the_way
from watcher.changes import Change, send
from watcher.engine import engine_faults
from watcher.poll import Hit, hit_of
from watcher.selection import Query
from watcher.sweep import Changer, Hooks, Limits, Swept, sweep

BY_PIPELINE = ("oversight.failure.processor", "oversight.failure.pipeline")
"""Only a pipeline names these."""
PUT_BACK = ("event.ingested", "oversight.feedback")
"""What a document keeps whatever its pipelines make of it."""
PUT_BACK_TRIES = 5
"""A watcher may write the document at the same moment."""
CONFLICT = 409
CAUSES_HERE, CAUSES_ELSEWHERE = ("error", "oversight.failure"), ("oversight.failure",)
"""What says why a document failed: taken back with the status, in our stream and in any other index."""


@dataclass(slots=True)
class Retried:
    """What came of it."""

    swept: Swept = field(default_factory=Swept)
    pending: int = 0
    failed_anew: Counter[str] = field(default_factory=Counter)
    """Documents that the pipeline failed again, by `error.type`."""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"pending": self.pending, "failed_anew": dict(self.failed_anew), **self.swept.to_dict()}


def retry(
    es: Elasticsearch, index: str, query: Query, *, limits: Limits, stop: threading.Event,
    progress: Callable[[Retried], None] = lambda _retried: None,
) -> Retried:  # fmt: skip
    """Try every failed document that fits once more.

    Raises:
        EngineUnavailableError: the engine does not answer for long; what is done is done.
    """
    retried = Retried()

    def wrote(changes: Sequence[Change]) -> None:
        parsed = [each.hit for each in changes if each.whole]
        retried.pending += len(changes) - len(parsed)
        now = _as_they_are_now(es, index, parsed)
        _put_back(es, index, parsed, now)
        for kind in map(_kind_of, now):
            if kind is None:
                retried.pending += 1
            else:
                retried.failed_anew[kind] += 1

    def told(swept: Swept) -> None:
        retried.swept = swept
        progress(retried)

    hooks = Hooks(wrote=wrote, progress=told)
    retried.swept = sweep(es, index, query, changer(es), limits=limits, stop=stop, hooks=hooks)
    return retried


def changer(es: Elasticsearch) -> Changer:
    """What to do with one failed document; asks once for the pipelines of each index."""
    has_pipeline: dict[str, bool] = {}

    def change(hit: Hit) -> Change | str:
        if hit.too_large and failed_in_pipeline(hit.source):
            return "it is too large to go through the pipeline again"
        if not failed_in_pipeline(hit.source):
            path = in_the_way(hit)
            return f"{path} is no object" if path else Change(hit, given_back(hit))
        if hit.index not in has_pipeline:
            has_pipeline[hit.index] = _has_pipeline(es, hit.index)
        if not has_pipeline[hit.index]:
            return "its index has no pipeline"
        return Change(hit, asked_again(hit.source) if OUR_INDEX.fullmatch(hit.index) else hit.source, whole=True)

    return change


def failed_in_pipeline(source: Mapping[str, Any]) -> bool:
    """Whether an ingest pipeline failed this document; otherwise the enrich service refused it."""
    if lookup_clear(source, "event.kind") == "pipeline_error":
        return True
    return any(lookup_clear(source, path) is not None for path in BY_PIPELINE)


def given_back(hit: Hit) -> dict[str, Any]:
    """Partial document that makes a refused document pending again."""
    roots = CAUSES_HERE if OUR_INDEX.fullmatch(hit.index) else CAUSES_ELSEWHERE
    return nest({STATUS: PENDING, **dict.fromkeys(_paths(hit.source, roots))})


def asked_again(source: Mapping[str, Any]) -> dict[str, Any]:
    """A failed document of ours as it is sent: pending, without its failure, so that the pipeline parses the line."""
    ours = source.get("oversight")
    kept = {name: value for name, value in source.items() if name != "error"}
    return {**kept, "oversight": {**(ours if isinstance(ours, Mapping) else {}), "status": PENDING, "failure": None}}


def _paths(source: Mapping[str, Any], roots: Iterable[str]) -> list[str]:
    """Values that are there in nested spelling below some roots: the only ones that a partial update can take back."""
    return [
        path
        for path, value in leaves({key: value for key, value in source.items() if "." not in key})
        if value is not None and any(path == root or path.startswith(f"{root}.") for root in roots)
    ]


def _has_pipeline(es: Elasticsearch, index: str) -> bool:
    """Whether an index takes its documents through a pipeline."""
    with engine_faults("reading settings", index=index):
        settings = es.indices.get_settings(index=index, flat_settings=True)[index]["settings"]
    return any(
        (settings.get(name) or lookup(settings, name)) not in (None, NO_PIPELINE)
        for name in (DEFAULT_PIPELINE, FINAL_PIPELINE)
    )


def _as_they_are_now(es: Elasticsearch, index: str, hits: Sequence[Hit]) -> list[Hit | None]:
    """Some documents after the pipelines; None for one that is gone."""
    if not hits:
        return []
    read = {"_source": [STATUS, "error.type", *PUT_BACK]}
    wanted = [
        {"_index": hit.index, "_id": hit.id, **read, **({} if hit.routing is None else {"routing": hit.routing})}
        for hit in hits
    ]  # fmt: skip
    with engine_faults("reading what the pipeline made", index=index):
        found = es.mget(docs=wanted)["docs"]
    return [hit_of(item) if item.get("found") else None for item in found]


def _kind_of(hit: Hit | None) -> str | None:
    """Why a document is failed now; None for one that is not."""
    source = hit.source if hit is not None else {}
    return str(lookup_clear(source, "error.type")) if lookup_clear(source, STATUS) == FAILED else None


def _put_back(es: Elasticsearch, index: str, before: Sequence[Hit], now: Sequence[Hit | None]) -> None:
    """Arrival and verdict, where the pipelines took the document for a new one."""
    for _ in range(PUT_BACK_TRIES):
        changes = [
            (hit, Change(after, nest(lost)))
            for hit, after in zip(before, now, strict=True)
            if after is not None and OUR_INDEX.fullmatch(hit.index) and (lost := _lost(hit.source, after.source))
        ]
        if not changes:
            return
        with engine_faults("putting verdicts and times of arrival back", index=index):
            items = send(es, [change for _, change in changes])
        before = [hit for (hit, _), item in zip(changes, items, strict=True) if int(item["status"]) == CONFLICT]
        now = _as_they_are_now(es, index, before)  # a watcher wrote meanwhile


def _lost(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    values = {path: lookup_clear(before, path) for path in PUT_BACK}
    return {path: value for path, value in values.items() if value is not None and value != lookup_clear(after, path)}
