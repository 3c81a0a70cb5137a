"""What the engine can do, found by asking it and never by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import ApiError, BadRequestError, Elasticsearch, NotFoundError

PROBE = "oversight-probe-*"
"""Index pattern of the templates that are only simulated, never stored."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What of the things that we would use the engine takes."""

    data_streams: bool
    index_mode: bool

    def omissions(self) -> list[Omission]:
        """What is left out on this engine, and what that costs the user."""
        found = []
        if not self.data_streams:
            found.append(
                Omission(
                    "data stream",
                    "one plain index of the same name stands in: it never rolls over, so old events are deleted by query",
                )
            )
        if not self.index_mode:
            found.append(
                Omission(
                    "index.mode: standard", "nothing, unless an upgrade changes the default mode of `logs-*-*` streams"
                )
            )
        return found


@dataclass(frozen=True, slots=True)
class Omission:
    """One thing that was left out."""

    what: str
    cost: str
    """What the user has to do without."""


def ask(es: Elasticsearch) -> Capabilities:
    """Ask the engine; nothing is written."""
    return Capabilities(data_streams=_has_data_streams(es), index_mode=_takes(es, {"index": {"mode": "standard"}}))


def _has_data_streams(es: Elasticsearch) -> bool:
    try:
        es.indices.get_data_stream(name="oversight-probe")
    except NotFoundError as error:
        return _error_type(error.body) != ""  # a missing stream has a type; a missing route has none
    except ApiError as error:
        if error.meta.status not in (400, 405):
            raise
        return False  # the route belongs to something else there
    return True


def _error_type(body: Any) -> str:
    error = body.get("error") if isinstance(body, Mapping) else None
    return str(error.get("type", "")) if isinstance(error, Mapping) else ""


def _takes(es: Elasticsearch, settings: Mapping[str, Any]) -> bool:
    try:
        es.indices.simulate_template(index_patterns=[PROBE], template={"settings": settings}, priority=500)
    except BadRequestError:
        return False
    return True
