"""Changes that people's commands make to stored documents, and the bulk request that writes them.

hit + partial document ──▶ `update`: merged, no pipeline runs ──────────────┐
hit + whole document ────▶ `update` by a script: replaced, no pipeline runs ─┼─▶ only on the write that was read
hit + whole document ────▶ `index`: runs the pipelines of its index ─────────┘
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from elasticsearch import ApiError, Elasticsearch

from contract.errors import EngineUnavailableError
from watcher.elastic_faults import without_retries
from watcher.read.hit import Hit

T = TypeVar("T")

REASON_CHARS = 300
REPLACE = "ctx._source = params.source"
"""Painless: replace the stored document."""
DONE = (200, 201)
"""Statuses of a written item."""


class Way(enum.Enum):
    """How a change is written."""

    MERGE = "merge"
    """A partial document, merged into the stored one."""
    REPLACE = "replace"
    """A whole document replaces the stored one; no pipeline runs."""
    PARSE = "parse"
    """A whole document that runs through the pipelines of its index."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write of a bulk request."""

    hit: Hit
    document: Mapping[str, Any]
    way: Way = Way.MERGE


def operations(changes: Sequence[Change]) -> list[Mapping[str, Any]]:
    """Return the lines of a bulk request. Each change only succeeds if nobody wrote the document since it was read."""
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
    """Write changes in one bulk request. Return the items of the response, in order.

    Raises:
        ApiError: the request as a whole is refused.
        EngineUnavailableError: the response does not belong to this request.
    """
    return send_bulk(es, changes, operations)


def send_bulk(
    es: Elasticsearch,
    writes: Sequence[T],
    encode: Callable[[Sequence[T]], Any],
    *,
    on_split: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """Send one bulk request, or halves of it if it is too large. Return the items of the response, in order.

    The client does not retry, because it would send everything again, including what is written. The response is not
    filtered, because that costs OpenSearch some 50 µs per item.

    Args:
        es: the cluster.
        writes: what to write.
        encode: turns writes into the body of a request.
        on_split: called when the request was too large.
    Raises:
        ApiError: the request as a whole is refused.
        EngineUnavailableError: the response does not belong to this request.
    """
    try:
        response = without_retries(es).bulk(operations=encode(writes))
    except ApiError as error:
        if error.meta.status != 413 or len(writes) == 1:
            raise
        on_split()
        half = len(writes) // 2
        first = send_bulk(es, writes[:half], encode, on_split=on_split)
        return first + send_bulk(es, writes[half:], encode, on_split=on_split)
    items: list[dict[str, Any]] = [next(iter(item.values()), {}) for item in response.get("items", ())]
    if len(items) != len(writes) or not all(isinstance(item, dict) for item in items):
        raise EngineUnavailableError(
            f"Elasticsearch answered a bulk request of {len(writes)} writes with {len(items)} items; "
            "nothing is lost, trying again"
        )
    return items


def reason_of(item: Mapping[str, Any]) -> str:
    """Return the engine's reason why an item was not written, without the id and value in it: equal reasons are equal
    texts.
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
