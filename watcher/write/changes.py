"""Single changes to stored documents, as people's commands make them, and the bulk request that carries them.

hit + partial document ──▶ `update`: merged, no pipeline runs ──────────────┐
hit + whole document ────▶ `update` by a script: replaced, no pipeline runs ─┼─▶ only on the write that was read
hit + whole document ────▶ `index`: through the pipelines of its index ──────┘
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from contract.errors import EngineUnavailableError
from watcher.elastic_faults import without_retries
from watcher.read.hit import Hit

REASON_CHARS = 300
REPLACE = "ctx._source = params.source"
"""Painless: the stored document becomes the one that is sent."""
DONE = (200, 201)
"""Statuses of an item that was written."""


class Way(enum.Enum):
    """How a change is written."""

    MERGE = "merge"
    """A partial document, merged into the stored one."""
    REPLACE = "replace"
    """A whole document in place of the stored one; no pipeline runs."""
    PARSE = "parse"
    """A whole document that runs through the pipelines of its index."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write of a bulk request."""

    hit: Hit
    document: Mapping[str, Any]
    way: Way = Way.MERGE


def operations(changes: Sequence[Change]) -> list[Mapping[str, Any]]:
    """The lines of a bulk request, two for each change; each only takes place on the write that was read."""
    lines: list[Mapping[str, Any]] = []
    for each in changes:
        if each.way is Way.PARSE:
            lines += [{"index": each.hit.target}, each.document]
        else:
            lines += [{"update": each.hit.target}, _update(each)]
    return lines


def _update(change: Change) -> dict[str, Any]:
    if change.way is Way.MERGE:
        return {"doc": change.document}
    return {"script": {"lang": "painless", "source": REPLACE, "params": {"source": change.document}}}


def send(es: Elasticsearch, changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Write changes in one bulk request, in halves where that is too large; returns the items of the answer, in order.

    Raises:
        ApiError: the request as a whole is refused.
        EngineUnavailableError: the answer is not one to this request.
    """
    try:
        answer = without_retries(es).bulk(operations=operations(changes))
    except ApiError as error:
        if error.meta.status != 413 or len(changes) == 1:
            raise
        half = len(changes) // 2
        return send(es, changes[:half]) + send(es, changes[half:])
    items = [next(iter(item.values())) for item in answer.get("items", ())]
    if len(items) != len(changes):
        raise EngineUnavailableError(
            f"Elasticsearch answered {len(changes)} writes with {len(items)} items; trying again"
        )
    return items


def reason_of(item: Mapping[str, Any]) -> str:
    """Why an item was not written, in the engine's words; without the value and the id that it quotes, so that equal
    reasons are equal.
    """
    error = item.get("error")
    said = error if isinstance(error, Mapping) else {"type": str(error or "")}
    caused = said.get("caused_by")
    reasons = [str(each.get("reason") or "") for each in (said, caused) if isinstance(each, Mapping)]
    reason = " ".join(": ".join(dict.fromkeys(filter(None, map(_impersonal, reasons)))).split())[:REASON_CHARS]
    return f"{item.get('status')} {said.get('type', '')}: {reason}".strip(": ")


def _impersonal(reason: str) -> str:
    without_place = re.sub(r"^\[[^\]]*\]:? | (in|of) document with id '[^']*'", "", reason)
    return without_place.split("Preview of field's value", 1)[0].rstrip(" .;")
