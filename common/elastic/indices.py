"""What must be known of indices before documents in them are read or written: which are closed, and how they keep
`_source`.

name, list, alias or pattern ──▶ closed_indices() ──▶ those that no search reads
                             └─▶ how_kept() ──┬─▶ filtered: an update would erase what `_source` leaves out
                                              ├─▶ synthetic: an update writes back what the engine makes up again
                                              └─▶ objects: `oversight.prediction.top` takes objects only
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import ApiError, BadRequestError, Elasticsearch

from common.elastic.faults import first_cause

CLOSED = "index_closed_exception"
VERIFIED = "index.verified_before_close"
"""Setting that an engine gives to an index when it closes it."""
MODE = "index.mapping.source.mode"
TOP = ("oversight", "prediction", "top")
_MAPPED = f"*.mappings._source,*.mappings.properties.{'.properties.'.join(TOP)}.properties"
"""What is asked for of a mapping: never a list that grows with a model."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How some indices keep what they are given."""

    filtered: Mapping[str, str]
    """Indices whose `_source` lacks fields, with what their mapping says."""
    synthetic: tuple[str, ...] = ()
    """Indices that make `_source` up from other parts of the index."""
    objects: frozenset[str] = frozenset()
    """Indices that mapped `oversight.prediction.top` from objects of an older version: they refuse words there."""


def closed_index(error: ApiError) -> str | None:
    """The closed index that a request failed on; None where it failed for another reason."""
    found = error.body.get("error") if isinstance(error.body, Mapping) else None
    if not isinstance(found, Mapping) or found.get("type") != CLOSED:
        return None
    return str(first_cause(error.body).get("index") or found.get("index") or "an index")


def closed_indices(es: Elasticsearch, index: str) -> tuple[str, ...]:
    """Closed indices behind a stream, an alias or a list; a pattern leaves them out by itself.

    It asks for more than one light search only where one is closed. Without the privilege `view_index_metadata` it
    names the first one.

    Raises:
        ApiError: 404 where one of the names is not there.
    """
    try:
        es.search(index=index, size=0, track_total_hits=False, terminate_after=1)
    except BadRequestError as error:
        first = closed_index(error)
        if first is None:
            raise
        return tuple(sorted({first, *_closed(es, index)}))
    return ()


def how_kept(es: Elasticsearch, index: str) -> Kept | None:
    """How the indices behind a name keep documents; None where we may not ask.

    Raises:
        ApiError: any other answer than 401 and 403.
    """
    try:
        mappings = es.indices.get_mapping(index=index, ignore_unavailable=True, filter_path=_MAPPED).body
        modes = es.indices.get_settings(
            index=index, name=MODE, flat_settings=True, include_defaults=True, ignore_unavailable=True
        ).body
    except ApiError as error:
        if error.meta.status in (401, 403):
            return None
        raise
    sources = {name: _below(body, "mappings", "_source") for name, body in mappings.items()}
    says = {name: _filter(source) for name, source in sources.items()}
    synthetic = {name for name, source in sources.items() if source.get("mode") == "synthetic"}
    synthetic |= {name for name, body in modes.items() if _mode(body) == "synthetic"}
    return Kept(
        filtered={name: said for name, said in sorted(says.items()) if said},
        synthetic=tuple(sorted(synthetic)),
        objects=frozenset(name for name, body in mappings.items() if _below(body, "mappings", *_path(TOP))),
    )


def closed_says(closed: Iterable[str]) -> str:
    """One line that names closed indices."""
    names = list(closed)
    verb = "is" if len(names) == 1 else "are"
    return (
        f"{', '.join(names)} {verb} closed: its documents are left out, everything else continues; "
        f"open it with `POST /{names[0]}/_open`, or take it out of OVERSIGHT_INDEX"
    )


def filtered_says(filtered: Mapping[str, str]) -> str:
    """One line that names indices which are never written, why, and what to do."""
    names = ", ".join(f"{name} ({said})" for name, said in filtered.items())
    return (
        f"the mapping leaves fields out of `_source` in {names}: an update would erase their values, so "
        "nothing is written there; "
        f"reindex into an index that keeps the whole `_source`, or take it out of OVERSIGHT_INDEX"
    )


def synthetic_says(synthetic: Iterable[str]) -> str:
    """One line that names indices with synthetic `_source`, and what that costs."""
    return (
        f"`_source` is synthetic in {', '.join(synthetic)}: when the documents were indexed, the engine "
        "sorted their arrays and dropped "
        f"what it could not keep; predictions write back what the engine returns now, so nothing more is lost"
    )


def _closed(es: Elasticsearch, index: str) -> list[str]:
    try:
        found = es.indices.get_settings(index=index, name=VERIFIED, flat_settings=True).body
    except ApiError:
        return []
    return [name for name, body in found.items() if str(body.get("settings", {}).get(VERIFIED)) == "true"]


def _filter(source: Mapping[str, Any]) -> str:
    if str(source.get("enabled", "true")).lower() == "false":
        return "_source.enabled: false"
    parts = [
        f"_source.{key}: {', '.join(map(str, source[key]))}" for key in ("excludes", "includes") if source.get(key)
    ]
    return "; ".join(parts)


def _mode(body: Mapping[str, Any]) -> str:
    found = body.get("settings", {}).get(MODE) or body.get("defaults", {}).get(MODE) or ""
    return str(found).lower()


def _path(names: Iterable[str]) -> list[str]:
    return [part for name in names for part in ("properties", name)] + ["properties"]


def _below(value: Any, *keys: str) -> Mapping[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}
