"""Turn results into the actions of a bulk request, and its answer into outcomes. Pure functions, no I/O.

    hits + results ──▶ action() ──▶ body() ──▶ bulk request ──▶ outcome_of() ──▶ Outcome per document

Every action is an `update` of the hit's own index that only takes place if nobody wrote the document since it was
read. In an index that is not our stream nothing outside `oversight.*` is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from common.json_bytes import dump
from contract.documents.fields import ALERT_ROOT, DATASET, ENRICHED, FAILED, STATUS, SUPPRESSED, SUPPRESSED_BY
from contract.documents.paths import lookup_clear, nest
from contract.documents.top_labels import from_stored
from watcher.config import Outcome
from watcher.enrich.responses import Prediction, Refusal, Result
from watcher.read.poll import Hit

OUR_INDEX = re.compile(rf"(shrink-[^.]+-)?(\.ds-)?logs-{re.escape(DATASET)}-.+")
"""Our stream under its own name, and its backing indices, also after a lifecycle has shrunk one."""

AT, RESCORED = "oversight.prediction.at", "oversight.prediction.rescored"
DELAY = "oversight.prediction.delay_s"
TOP = "oversight.prediction.top"
VERDICT = ("oversight.prediction.label", "oversight.prediction.family")

TAKEN_BACK_HERE = (
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
TAKEN_BACK_ELSEWHERE = (
    "oversight.prediction",
    "oversight.model",
    "oversight.shadow",
    "oversight.failure",
    SUPPRESSED,
    SUPPRESSED_BY,
    ALERT_ROOT,
)
"""What only an earlier verdict can have written, in our stream and in any other index."""

OBJECTS = (
    "oversight",
    "oversight.prediction",
    "oversight.model",
    "oversight.shadow",
    "oversight.shadow.model",
    "oversight.failure",
    ALERT_ROOT,
)
"""Where we write an object, in whatever index; a partial update merges objects, and replaces anything else."""

_VERDICTS_HERE = frozenset(
    root.split(".")[1] for root in (*TAKEN_BACK_HERE, *OBJECTS, ALERT_ROOT) if root.startswith("oversight.")
)
_VERDICTS_ON_EVENTS = frozenset({"severity", "risk_score"})
_NOTHING: dict[str, Any] = {}
_WRITTEN_ROOTS = frozenset(root.split(".")[0] for root in (*TAKEN_BACK_HERE, *TAKEN_BACK_ELSEWHERE))
"""Below `oversight`, below `event` and at the top: where a verdict may have written; `event.kind` is written anew by
each.
"""

RETRY_STATUSES = (429, 503)
"""The engine is overloaded, or a shard is not there just now: the same action again, later."""


class Action(NamedTuple):
    """One update: `document` is merged into the hit's document; `wanted` is its outcome if that is done."""

    hit: Hit
    document: Mapping[str, Any]
    wanted: Outcome


def actions(
    hits: Sequence[Hit], results: Sequence[Result], *, now: datetime, objects: Set[str] = frozenset()
) -> list[Action]:
    """What is to be written to some documents for the service's answers; `objects` is for `action`.

    In our stream, where a document has no earlier verdict, a plain answer is completed in place: what `action` would
    make of it, without taking it apart.
    """
    at, now_s, first = iso_millis(now), now.timestamp(), are_untouched(hits)
    return [
        Action(hit, _completed(result.nested, hit, at, now_s), Outcome.ENRICHED)
        if type(result) is Prediction and result.nested and is_ours(hit.index) and (first or is_untouched(hit.source))
        else action(hit, result, now=now, objects=objects)
        for hit, result in zip(hits, results, strict=True)
    ]


def action(hit: Hit, result: Result, *, now: datetime, objects: Set[str] = frozenset()) -> Action:
    """What is to be written to one document for the service's answer, whatever stands in either.

    Args:
        hit: the document.
        result: the service's answer.
        now: time of the verdict.
        objects: indices that refuse words in `oversight.prediction.top`, since an older version wrote objects there.
    """
    ours = is_ours(hit.index)
    if isinstance(result, Prediction):
        flat, wanted = _predicted(hit, result, now), Outcome.ENRICHED
    else:
        flat, wanted = _refused(hit, result), Outcome.FAILED
    if not ours:
        flat = {_elsewhere(path): value for path, value in flat.items()}
        if hit.index in objects and TOP in flat:
            flat[TOP] = [one._asdict() for one in map(from_stored, flat[TOP]) if one is not None]
    if not is_untouched(hit.source):
        flat.update(_taken_back(hit.source, flat, TAKEN_BACK_HERE if ours else TAKEN_BACK_ELSEWHERE))
    return Action(hit, nest(flat), wanted)


@lru_cache(maxsize=256)
def is_ours(index: str) -> bool:
    """Whether this is a backing index of our stream."""
    return OUR_INDEX.fullmatch(index) is not None


def are_untouched(hits: Sequence[Hit]) -> bool:
    """`is_untouched` of every document of a page, without a loop over them; False says nothing."""
    sources = [hit.source for hit in hits]
    if not all(map(_no_verdict_below, set(map(tuple, sources)))):
        return False
    ours: list[Any] = [source.get("oversight") for source in sources]
    events: list[Any] = [source.get("event", _NOTHING) for source in sources]
    return (
        set(map(type, ours)) | set(map(type, events)) == {dict}
        and all(map(_no_verdict_here, set(map(tuple, ours))))
        and all(map(_no_verdict_on_event, set(map(tuple, events))))
    )


def is_untouched(source: Mapping[str, Any]) -> bool:
    """Whether no verdict can have written here yet, seen at a glance: true of nearly every document.

    False says nothing: then every field is looked at.
    """
    ours, event = source.get("oversight"), source.get("event", _NOTHING)
    return (
        type(ours) is dict
        and _no_verdict_here(tuple(ours))
        and type(event) is dict
        and _no_verdict_on_event(tuple(event))
        and _no_verdict_below(tuple(source))
    )


@lru_cache(maxsize=1024)
def _no_verdict_here(keys: tuple[str, ...]) -> bool:
    """Whether no verdict writes at or below these keys of `oversight`."""
    return _VERDICTS_HERE.isdisjoint(key.split(".", 1)[0] for key in keys)


@lru_cache(maxsize=1024)
def _no_verdict_on_event(keys: tuple[str, ...]) -> bool:
    """Whether no verdict writes at or below these keys of `event`."""
    return _VERDICTS_ON_EVENTS.isdisjoint(key.split(".", 1)[0] for key in keys)


@lru_cache(maxsize=1024)
def _no_verdict_below(keys: tuple[str, ...]) -> bool:
    """Whether no verdict writes at or below these, but for `oversight` and `event`. The same few come with every
    document.
    """
    return all(key in ("oversight", "event") or key.split(".", 1)[0] not in _WRITTEN_ROOTS for key in keys)


def in_the_way(hit: Hit) -> str | None:
    """A field that holds a list or a value where an object of ours belongs: writing that would take its place."""
    if is_untouched(hit.source):
        return None
    for path in OBJECTS:
        value = _nested(hit.source, path)
        if value is not None and not isinstance(value, Mapping):
            return path
    return None


def body(actions: Sequence[Action]) -> bytes:
    """A bulk request: two lines for each action, each only takes place on the write that was read."""
    return b"".join(
        [b'{"update":%b}\n{"doc":%b}\n' % (dump(hit.target), dump(document)) for hit, document, _ in actions]
    )


def outcome_of(status: int, wanted: Outcome) -> Outcome:
    """Outcome of one item of a bulk answer. `DEFERRED` with one of `RETRY_STATUSES` is worth another try at once."""
    if status in (200, 201):
        return wanted
    if status == 409:
        return Outcome.CONFLICT
    if status == 404:
        return Outcome.GONE
    if status in (401, 403, 408, 429) or status >= 500:
        return Outcome.DEFERRED
    return Outcome.REJECTED


def iso_millis(moment: datetime) -> str:
    """`2026-01-31T12:00:00.000Z`, of a moment in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _completed(fields: dict[str, Any], hit: Hit, at: str, now_s: float) -> dict[str, Any]:
    """The service's fields with what a first prediction says besides."""
    ours = fields["oversight"]
    ours["status"] = ENRICHED
    prediction = ours["prediction"]
    prediction["at"] = at
    if hit.arrival_ms is not None:
        prediction["delay_s"] = max(0.0, round(now_s - hit.arrival_ms / 1000, 3))
    return fields


def _predicted(hit: Hit, result: Prediction, now: datetime) -> dict[str, Any]:
    flat = {**result.fields, STATUS: ENRICHED, AT: iso_millis(now)}
    if is_untouched(hit.source):
        return flat | _delay(hit, now)
    earlier = {path: lookup_clear(hit.source, path) for path in (*VERDICT, AT, RESCORED, DELAY)}
    if earlier[VERDICT[0]] is None or earlier[AT] is None:
        return flat | _delay(hit, now)
    if earlier[DELAY] is not None:
        flat[DELAY] = earlier[DELAY]
    if all(flat.get(path) == earlier[path] for path in VERDICT):  # nothing new to alert on: it keeps its time
        flat[AT] = earlier[AT]
        if earlier[RESCORED] is not None:
            flat[RESCORED] = earlier[RESCORED]
    else:
        flat[RESCORED] = True
    return flat


def _delay(hit: Hit, now: datetime) -> dict[str, float]:
    """Seconds from arrival to the first verdict; a clock behind the cluster's makes none of them negative."""
    return {} if hit.arrival_ms is None else {DELAY: max(0.0, round(now.timestamp() - hit.arrival_ms / 1000, 3))}


def _refused(hit: Hit, result: Refusal) -> dict[str, Any]:
    flat: dict[str, Any] = {STATUS: FAILED, "error.type": result.type, "error.message": result.message}
    if result.field is not None:
        flat["oversight.failure.field"] = result.field
    if lookup_clear(hit.source, VERDICT[0]) is not None and lookup_clear(hit.source, "event.kind") == "alert":
        flat["event.kind"] = "event"  # the alert was an earlier model's, and goes with its verdict
    return flat


def _elsewhere(path: str) -> str:
    """Where a field of ours stands in an index that is not ours."""
    if path.startswith("oversight."):
        return path
    if path.startswith("error."):
        return f"oversight.failure.{path.removeprefix('error.')}"
    return f"{ALERT_ROOT}.{path}"


def _taken_back(source: Mapping[str, Any], flat: Mapping[str, Any], roots: Sequence[str]) -> dict[str, None]:
    """Null for what an earlier verdict left and this one does not write: a partial update cannot remove a field."""
    earlier = [path for root in roots for path in _value_paths(_nested(source, root), root)]
    return {path: None for path in earlier if path not in flat and not _overlaps(path, flat)}


def _overlaps(path: str, flat: Mapping[str, Any]) -> bool:
    """Whether one of the two stands below the other: then writing the one replaces the other."""
    return any(path.startswith(f"{other}.") or other.startswith(f"{path}.") for other in flat)


def _nested(source: Mapping[str, Any], path: str) -> Any:
    """Value at a path in nested spelling only: a null beside a dotted spelling would not take it back."""
    value: Any = source
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _value_paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            if "." not in key:
                yield from _value_paths(child, f"{path}.{key}")
    elif value is not None:
        yield path
