"""Checks before documents are read or written: which indices are closed, and how they store `_source`.

name, list, alias or pattern ──▶ closed_indices() ──▶ indices that no search can read
                             └─▶ source_storage() ──┬─▶ filtered: an update would erase the fields that `_source` lacks
                                              ├─▶ synthetic: an update writes back a rebuilt `_source`
                                              └─▶ objects: `oversight.prediction.top` accepts only objects
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import ApiError, BadRequestError, Elasticsearch

from common.elastic.faults import first_cause
from contract.documents.paths import lookup

CLOSED = "index_closed_exception"
VERIFIED = "index.verified_before_close"
"""Setting that Elasticsearch adds to an index when it closes the index."""
MODE = "index.mapping.source.mode"
TOP_MAPPING = "mappings.properties.oversight.properties.prediction.properties.top.properties"
_MAPPED = f"*.mappings._source,*.{TOP_MAPPING}"
"""The parts of a mapping that are read. Their size does not grow with the model."""


@dataclass(frozen=True, slots=True)
class SourceStorage:
    """How a set of indices stores its documents."""

    filtered: Mapping[str, str]
    """Indices whose `_source` lacks fields, with the reason from their mapping."""
    synthetic: tuple[str, ...] = ()
    """Indices with synthetic `_source`."""
    objects: frozenset[str] = frozenset()
    """Indices of an older version that map `oversight.prediction.top` as objects: they refuse strings there."""


def closed_index(error: ApiError) -> str | None:
    """Return the closed index that a request failed on; None if it failed for another reason."""
    error_body = error.body.get("error") if isinstance(error.body, Mapping) else None
    if not isinstance(error_body, Mapping) or error_body.get("type") != CLOSED:
        return None
    return str(first_cause(error.body).get("index") or error_body.get("index") or "an index")


def closed_indices(es: Elasticsearch, index: str) -> tuple[str, ...]:
    """Return the closed indices behind a stream, an alias or a list. A pattern skips closed indices by itself.

    It sends one light search, and more only if an index is closed. Without the privilege `view_index_metadata` it
    returns only the first closed index.

    Raises:
        ApiError: 404 if one of the names does not exist.
    """
    try:
        es.search(index=index, size=0, track_total_hits=False, terminate_after=1)
    except BadRequestError as error:
        first = closed_index(error)
        if first is None:
            raise
        return tuple(sorted({first, *_closed(es, index)}))
    return ()


def source_storage(es: Elasticsearch, index: str) -> SourceStorage | None:
    """Return how the indices behind a name store documents; None if we lack the privilege to read that.

    Raises:
        ApiError: any error except 401 and 403.
    """
    try:
        mappings = es.indices.get_mapping(index=index, ignore_unavailable=True, filter_path=_MAPPED).body
        modes = es.indices.get_settings(index=index, name=MODE, include_defaults=True, ignore_unavailable=True).body
    except ApiError as error:
        if error.meta.status in (401, 403):
            return None
        raise
    return storage_from({name: {**body, **modes.get(name, {})} for name, body in {**modes, **mappings}.items()})


def storage_from(indices: Mapping[str, Mapping[str, Any]]) -> SourceStorage:
    """Return how indices store documents.

    Args:
        indices: `mappings`, `settings` and `defaults` of each, as the engine returns them.
    """
    sources = {name: lookup(body, "mappings._source", {}) for name, body in indices.items()}
    reasons = {name: _filter(source) for name, source in sources.items()}
    synthetic = {name for name, source in sources.items() if source.get("mode") == "synthetic"}
    synthetic |= {name for name, body in indices.items() if _mode(body) == "synthetic"}
    return SourceStorage(
        filtered={name: reason for name, reason in sorted(reasons.items()) if reason},
        synthetic=tuple(sorted(synthetic)),
        objects=frozenset(name for name, body in indices.items() if lookup(body, TOP_MAPPING)),
    )


def closed_message(closed: Iterable[str]) -> str:
    """Return one line that names closed indices."""
    names = list(closed)
    verb = "is" if len(names) == 1 else "are"
    return (
        f"{', '.join(names)} {verb} closed: its documents are left out, everything else continues; "
        f"open it with `POST /{names[0]}/_open`, or take it out of OVERSIGHT_INDEX"
    )


def filtered_message(filtered: Mapping[str, str]) -> str:
    """Return one line that names the indices that are never written to, why, and what to do."""
    names = ", ".join(f"{name} ({reason})" for name, reason in filtered.items())
    return (
        f"the mapping leaves fields out of `_source` in {names}: an update would erase their values, so "
        "nothing is written there; "
        f"reindex into an index that keeps the whole `_source`, or take it out of OVERSIGHT_INDEX"
    )


def synthetic_message(synthetic: Iterable[str]) -> str:
    """Return one line that names the indices with synthetic `_source`, and the effect."""
    return (
        f"`_source` is synthetic in {', '.join(synthetic)}: when the documents were indexed, the engine "
        "sorted their arrays and dropped "
        f"what it could not keep; predictions write back what the engine returns now, so nothing more is lost"
    )


def _closed(es: Elasticsearch, index: str) -> list[str]:
    try:
        settings = es.indices.get_settings(index=index, name=VERIFIED, flat_settings=True).body
    except ApiError:
        return []
    return [name for name, body in settings.items() if str(body.get("settings", {}).get(VERIFIED)) == "true"]


def _filter(source: Mapping[str, Any]) -> str:
    if str(source.get("enabled", "true")).lower() == "false":
        return "_source.enabled: false"
    parts = [
        f"_source.{key}: {', '.join(map(str, source[key]))}" for key in ("excludes", "includes") if source.get(key)
    ]
    return "; ".join(parts)


def _mode(body: Mapping[str, Any]) -> str:
    return str(lookup(body, f"settings.{MODE}") or lookup(body, f"defaults.{MODE}") or "").lower()
