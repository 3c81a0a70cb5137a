"""Process failed documents again: parse or predict them, whichever failed.

refused by the service ──▶ update: status pending, error.* null ───────────────────────▶ pending
failed in a pipeline ──▶ the whole document, through its index's pipelines again ─────┬─▶ pending
                         in a data stream: bulk `index` on the write that was read    └─▶ failed again, new error.*
                         in a plain index: `_simulate`, then one update with the result

The pipeline finds the raw line in `event.original`. In a data stream it keeps `event.ingested` and
`oversight.feedback`. In a plain index it cannot distinguish a stored document from a new one and would remove these
two. So the pipeline is simulated there, and one update writes its result together with the two values.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache, partial
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.fields import DEFAULT_PIPELINE, FAILED, FINAL_PIPELINE, NO_PIPELINE, PENDING, STATUS
from contract.documents.paths import leaves, lookup, lookup_clear, nest
from watcher.elastic_faults import engine_faults
from watcher.operations.selection import Query
from watcher.operations.sweep import Changer, Hooks, Limits, Swept, sweep
from watcher.read.hit import Hit
from watcher.write.actions import in_the_way, is_ours
from watcher.write.changes import Change, Way, reason_of

BACKING = ".ds-"
"""Part of the name of every backing index of a data stream."""
BY_PIPELINE = ("oversight.failure.processor", "oversight.failure.pipeline")
"""Only a pipeline sets these."""
KEPT = ("event.ingested", "oversight.feedback")
"""Fields that a document keeps, whatever its pipelines do."""
CAUSES_HERE, CAUSES_ELSEWHERE = ("error", "oversight.failure"), ("oversight.failure",)
"""Fields with the reason of a failure, removed together with the status; in our stream and in any other index."""


@dataclass(slots=True)
class Retried:
    """The result."""

    swept: Swept = field(default_factory=Swept)
    pending: int = 0
    failed_again: Counter[str] = field(default_factory=Counter)
    """Documents that the pipeline failed again, by `error.type`."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"pending": self.pending, "failed_anew": self.failed_again, **asdict(self.swept)}


def retry(
    es: Elasticsearch,
    index: str,
    query: Query,
    *,
    limits: Limits,
    stop: threading.Event,
    progress: Callable[[Retried], None] = lambda _retried: None,
) -> Retried:
    """Process every failed document that matches again.

    Raises:
        EngineUnavailableError: Elasticsearch does not answer for long; the changes so far stay.
    """
    retried = Retried()

    def wrote(changes: Sequence[Change]) -> None:
        parsed = [each.hit for each in changes if each.way is Way.PARSE]
        known = [each.document for each in changes if each.way is not Way.PARSE]
        for kind in map(_kind_of, [*known, *_read_again(es, index, parsed)]):
            if kind is None:
                retried.pending += 1
            else:
                retried.failed_again[kind] += 1

    def show(swept: Swept) -> None:
        retried.swept = swept
        progress(retried)

    hooks = Hooks(wrote=wrote, progress=show)
    retried.swept = sweep(es, index, query, changer(es), limits=limits, stop=stop, hooks=hooks)
    return retried


def changer(es: Elasticsearch) -> Changer:
    """Return the function that changes one failed document. It reads the pipelines of each index once."""
    pipelines_of = lru_cache(partial(_pipelines_of, es))

    def change(hit: Hit) -> Change | str:
        if hit.too_large and failed_in_pipeline(hit.source):
            return "it is too large to go through the pipeline again"
        if not failed_in_pipeline(hit.source):
            path = in_the_way(hit)
            return f"{path} is not an object" if path else Change(hit, given_back(hit))
        pipelines = pipelines_of(hit.index)
        if not pipelines:
            return "its index has no pipeline"
        if not is_ours(hit.index):
            return Change(hit, hit.source, Way.PARSE)
        asked = asked_again(hit.source)
        return Change(hit, asked, Way.PARSE) if BACKING in hit.index else _parsed(es, hit, asked, pipelines)

    return change


def failed_in_pipeline(source: Mapping[str, Any]) -> bool:
    """Whether an ingest pipeline failed this document; otherwise the enrich service refused it."""
    if lookup_clear(source, "event.kind") == "pipeline_error":
        return True
    return any(lookup_clear(source, path) is not None for path in BY_PIPELINE)


def given_back(hit: Hit) -> dict[str, Any]:
    """Return the partial document that makes a refused document pending again."""
    roots = CAUSES_HERE if is_ours(hit.index) else CAUSES_ELSEWHERE
    return nest({STATUS: PENDING, **dict.fromkeys(_paths(hit.source, roots))})


def asked_again(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return our failed document as pending and without its failure, so that the pipeline parses the line."""
    ours = source.get("oversight")
    kept = {name: value for name, value in source.items() if name != "error"}
    return {**kept, "oversight": {**(ours if isinstance(ours, Mapping) else {}), "status": PENDING, "failure": None}}


def _paths(source: Mapping[str, Any], roots: Iterable[str]) -> list[str]:
    """Return the paths below some roots with a value in nested spelling. A partial update can only remove these."""
    return [
        path
        for path, value in leaves({key: value for key, value in source.items() if "." not in key})
        if value is not None and any(path == root or path.startswith(f"{root}.") for root in roots)
    ]


def _pipelines_of(es: Elasticsearch, index: str) -> list[str]:
    """Return the pipelines of an index, in their order."""
    with engine_faults("reading settings", index=index):
        settings = es.indices.get_settings(index=index, flat_settings=True)[index]["settings"]
    named = [settings.get(name) or lookup(settings, name) for name in (DEFAULT_PIPELINE, FINAL_PIPELINE)]
    return [str(name) for name in named if name not in (None, NO_PIPELINE)]


def _parsed(es: Elasticsearch, hit: Hit, source: Mapping[str, Any], pipelines: Sequence[str]) -> Change | str:
    """Return the change to what the pipelines make of the document now, with the values that it keeps."""
    for pipeline in pipelines:
        docs = [{"_index": hit.index, "_id": hit.id, "_source": source}]
        with engine_faults("running the pipeline again", index=hit.index):
            (result,) = es.ingest.simulate(id=pipeline, docs=docs)["docs"]
        if result is None or "doc" not in result:
            return f"its pipeline fails: {reason_of(result)}" if result else "its pipeline drops it"
        source = result["doc"]["_source"]
    return Change(hit, _with_kept(hit.source, source), Way.REPLACE)


def _with_kept(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document after its pipelines, with the arrival and the verdict from before."""
    kept = dict(after)
    for path in KEPT:
        root, leaf = path.split(".")
        value, beside = lookup_clear(before, path), kept.get(root)
        if value is not None:
            kept[root] = {**(beside if isinstance(beside, Mapping) else {}), leaf: value}
    return kept


def _read_again(es: Elasticsearch, index: str, hits: Sequence[Hit]) -> list[Mapping[str, Any]]:
    """Return status and reason of documents after the pipelines; empty for a deleted document."""
    if not hits:
        return []
    read = {"_source": [STATUS, "error.type"]}
    wanted = [
        {"_index": hit.index, "_id": hit.id, **read, **({} if hit.routing is None else {"routing": hit.routing})}
        for hit in hits
    ]
    with engine_faults("reading what the pipeline made", index=index):
        found = es.mget(docs=wanted)["docs"]
    return [item["_source"] if item.get("found") else {} for item in found]


def _kind_of(source: Mapping[str, Any]) -> str | None:
    """Return the reason of a failed document; None if it is not failed."""
    return str(lookup_clear(source, "error.type")) if lookup_clear(source, STATUS) == FAILED else None
