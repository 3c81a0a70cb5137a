"""Simulate what the ingest pipelines would do with events. Nothing is stored.

events ──▶ POST _ingest/pipeline/PIPELINE/_simulate ──▶ SimulatedResult: pending, failed with its reason, dropped
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from elastic_transport import TransportError
from elasticsearch import ApiError, AuthorizationException, Elasticsearch

from contract.documents.fields import FAILED
from contract.documents.paths import lookup
from contract.errors import AmbiguousFieldError, InputError
from es_pipelines.ship import target as ship_target
from es_pipelines.ship.events import Event


@dataclass(frozen=True, slots=True)
class SimulatedResult:
    """What the pipelines would do with one event."""

    dropped: bool = False
    error: str = ""
    """The value of `error.type`; empty if the event would be pending."""
    message: str = ""
    document: dict[str, Any] = field(default_factory=dict)


class Pipelines:
    """The ingest pipelines of one stream.

    Raises:
        OversightError: the stream is not provisioned, or Elasticsearch rejects the credentials.
    """

    def __init__(self, es: Elasticsearch, stream: str) -> None:
        self._es, self._stream = es, stream
        with ship_target.explained(stream):
            self._pipeline = ship_target.find(es, stream).pipeline
        self.ask([])

    def ask(self, events: Sequence[Event]) -> list[SimulatedResult]:
        """The result for each event.

        Raises:
            InputError: the pipelines cannot be simulated; says why.
        """
        docs = [
            {"_index": self._stream, "_id": str(place), "_source": orjson.loads(event.source)}
            for place, event in enumerate(events)
        ]
        try:
            response = self._es.ingest.simulate(id=self._pipeline, docs=docs or [{"_source": {"message": ""}}])
        except AuthorizationException:
            raise InputError(
                "the user or key may not simulate pipelines; use one with the cluster privilege read_pipeline"
            ) from None
        except (ApiError, TransportError) as error:
            raise InputError(f"the pipeline {self._pipeline} cannot be simulated ({str(error)[:200]})") from None
        return [_result(result) for result in response["docs"][: len(events)]]


def _result(result: dict[str, Any] | None) -> SimulatedResult:
    if not result:
        return SimulatedResult(dropped=True)
    if "doc" not in result:
        error = result.get("error") or {}
        return SimulatedResult(error=str(error.get("type", "pipeline_error")), message=str(error.get("reason", "")))
    document: dict[str, Any] = result["doc"].get("_source", {})
    try:
        if lookup(document, "oversight.status") != FAILED:
            return SimulatedResult(document=document)
        return SimulatedResult(
            error=str(lookup(document, "error.type")), message=str(lookup(document, "error.message"))
        )
    except AmbiguousFieldError as error:
        return SimulatedResult(error=error.code, message=str(error))
