"""Convert results to the actions of a bulk request, and its response to outcomes. No I/O.

    hits + results ──▶ actions() ──▶ body() ──▶ bulk request ──▶ outcome_of() ──▶ DocumentOutcome per document

Every action is an `update` of the hit's own index, and only succeeds if nobody wrote the document since it was read. In
an index that is not our stream, only `oversight.*` is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec import UNSET

from common.json_bytes import dump
from contract.documents.datasets import OUR_INDEX
from contract.documents.fields import ALERT_ROOT, ENRICHED, FAILED, STATUS, SUPPRESSED, SUPPRESSED_BY
from contract.documents.paths import lookup_clear, merge, nest
from contract.documents.top_labels import from_stored
from contract.wire import DocumentError
from watcher.enrich.responses import Fields, Result
from watcher.read.hit import Hit
from watcher.totals import DocumentOutcome

AT, RESCORED = "oversight.prediction.at", "oversight.prediction.rescored"
DELAY = "oversight.prediction.delay_s"
LABEL, FAMILY = "oversight.prediction.label", "oversight.prediction.family"

REMOVED_HERE = (
    "rule",
    "threat",
    "error",
    "event.severity",
    "event.risk_score",
    "oversight.prediction",
    "oversight.model",
    "oversight.shadow",
    "oversight.failure",
    SUPPRESSED,
    SUPPRESSED_BY,
)
REMOVED_ELSEWHERE = (
    "oversight.prediction",
    "oversight.model",
    "oversight.shadow",
    "oversight.failure",
    SUPPRESSED,
    SUPPRESSED_BY,
    ALERT_ROOT,
)
"""Fields that only an earlier verdict can have written, in our stream and in any other index."""

_REMOVED_HERE = nest(dict.fromkeys(REMOVED_HERE))
_REMOVED_ELSEWHERE = nest(dict.fromkeys(REMOVED_ELSEWHERE))

OBJECTS: dict[str, Any] = {
    "oversight": {"prediction": {}, "model": {}, "shadow": {"model": {}}, "failure": {}, "alert": {}}
}
"""Where we write objects, in any index. A partial update merges objects, and replaces anything else."""

RETRY_STATUSES = (429, 503)
"""The engine is overloaded, or a shard is not available: try the same action again later."""


class Action(NamedTuple):
    """One update: `document` is merged into the hit's document; `wanted` is the outcome if that succeeds."""

    hit: Hit
    document: Mapping[str, Any]
    wanted: DocumentOutcome


def actions(
    hits: Sequence[Hit], results: Sequence[Result], *, now: datetime, objects: Set[str] = frozenset()
) -> list[Action]:
    """Return what to write to documents for the service's results.

    Args:
        hits: the documents.
        results: the service's results for them.
        now: time of the verdicts.
        objects: indices that refuse strings in `oversight.prediction.top`, because an older version wrote objects.
    """
    at, now_s = iso_millis(now), now.timestamp()
    return [_action(hit, result, at, now_s, objects) for hit, result in zip(hits, results, strict=True)]


def _action(hit: Hit, result: Result, at: str, now_s: float, objects: Set[str]) -> Action:
    if isinstance(result, DocumentError):
        document, wanted = _refused(hit, result), DocumentOutcome.FAILED
    else:
        document, wanted = _predicted(hit, result, at, now_s), DocumentOutcome.ENRICHED
    ours = is_ours(hit.index)
    if not ours:
        document = _elsewhere(document)
        if hit.index in objects:
            _top_as_objects(document)
    earlier = _nulls_below(hit.source, _REMOVED_HERE if ours else _REMOVED_ELSEWHERE)
    return Action(hit, merge(earlier, document) if earlier else document, wanted)


@lru_cache(maxsize=256)
def is_ours(index: str) -> bool:
    """Whether this is a backing index of one of our streams."""
    return OUR_INDEX.fullmatch(index) is not None


def in_the_way(hit: Hit) -> str | None:
    """Return a field with a list or a value where we write an object, which would replace it; None if there is none."""
    return _not_an_object(hit.source, OBJECTS, "")


def _not_an_object(source: Mapping[str, Any], objects: Mapping[str, Any], prefix: str) -> str | None:
    for name, below in objects.items():
        value = source.get(name)
        if value is None:
            continue
        if not isinstance(value, dict):
            return prefix + name
        if found := _not_an_object(value, below, f"{prefix}{name}."):
            return found
    return None


def body(actions: Sequence[Action]) -> bytes:
    """Return the body of a bulk request, with two lines per action."""
    return b"".join(
        [b'{"update":%b}\n{"doc":%b}\n' % (dump(hit.target), dump(document)) for hit, document, _ in actions]
    )


def outcome_of(status: int, wanted: DocumentOutcome) -> DocumentOutcome:
    """Return the outcome of one item of a bulk response. Items with `RETRY_STATUSES` are tried again soon."""
    if status in (200, 201):
        return wanted
    if status == 409:
        return DocumentOutcome.CONFLICT
    if status == 404:
        return DocumentOutcome.GONE
    if status in (401, 403, 408, 429) or status >= 500:
        return DocumentOutcome.DEFERRED
    return DocumentOutcome.REJECTED


def iso_millis(moment: datetime) -> str:
    """Format a time in UTC, such as `2026-01-31T12:00:00.000Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _predicted(hit: Hit, result: Fields, at: str, now_s: float) -> dict[str, Any]:
    """Return the partial document with the status and the times of the verdict."""
    own: dict[str, Any] = {"at": at}
    earlier = _earlier_verdict(hit.source)
    if earlier is None:
        if hit.arrival_ms is not None:  # a clock behind the cluster's must not make the delay negative
            own["delay_s"] = max(0.0, round(now_s - hit.arrival_ms / 1000, 3))
    else:
        own |= _carried_over(earlier, result["oversight"]["prediction"])
    ours = result["oversight"]
    return {**result, "oversight": {**ours, "status": ENRICHED, "prediction": {**ours["prediction"], **own}}}


def _earlier_verdict(source: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return label, family and times of an earlier verdict; None if there is none."""
    if lookup_clear(source, LABEL) is None or lookup_clear(source, AT) is None:
        return None
    return {path.rpartition(".")[2]: lookup_clear(source, path) for path in (LABEL, FAMILY, AT, RESCORED, DELAY)}


def _carried_over(earlier: Mapping[str, Any], prediction: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a rescored document keeps: its delay, and its time if the verdict is the same (no new alert)."""
    kept = {"delay_s": earlier["delay_s"], "rescored": True}
    if all(prediction.get(name) == earlier[name] for name in ("label", "family")):
        kept |= {"at": earlier["at"], "rescored": earlier["rescored"]}
    return {name: value for name, value in kept.items() if value is not None}


def _refused(hit: Hit, error: DocumentError) -> dict[str, Any]:
    flat: dict[str, Any] = {STATUS: FAILED, "error.type": error.type, "error.message": error.message}
    if error.field is not UNSET:
        flat["oversight.failure.field"] = error.field
    if lookup_clear(hit.source, LABEL) is not None and lookup_clear(hit.source, "event.kind") == "alert":
        flat["event.kind"] = "event"  # the alert was an earlier model's, and goes with its verdict
    return nest(flat)


def _elsewhere(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same fields for an index that is not ours: all below `oversight`."""
    rest = dict(document)
    ours = rest.pop("oversight")
    if error := rest.pop("error", None):
        ours = merge(ours, {"failure": error})
    return {"oversight": {**ours, ALERT_ROOT.rpartition(".")[2]: rest} if rest else ours}


def _top_as_objects(document: Mapping[str, Any]) -> None:
    """Convert `oversight.prediction.top` to the objects of an older version."""
    prediction = document["oversight"].get("prediction", {})
    if isinstance(prediction.get("top"), list):
        prediction["top"] = [one._asdict() for one in map(from_stored, prediction["top"]) if one is not None]


def _nulls_below(source: Mapping[str, Any], roots: Mapping[str, Any]) -> dict[str, Any]:
    """Return null for each value at or below these paths, because a partial update cannot remove fields.

    Only in nested spelling: a null would not replace a value in dotted spelling.
    """
    nulls: dict[str, Any] = {}
    for name, below in roots.items():
        value = source.get(name)
        if value is None:
            continue
        if isinstance(value, dict):
            if found := _nulls_below(value, below or {key: None for key in value if "." not in key}):
                nulls[name] = found
        elif below is None:
            nulls[name] = None
    return nulls
