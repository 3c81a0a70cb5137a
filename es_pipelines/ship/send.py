"""Send events in bulk until each has an outcome, even if Elasticsearch is down or overloaded in between.

    events ──▶ bulk create ──▶ response for each event ──▶ stored · already there · header · refused
                  ▲                  │
                  └── 429, 503, no ──┘              refused (400): store it again as failed, unparsed
                      response: retry
                      only these

Each event ends with exactly one `Outcome`, or an error names it and nothing after it is acknowledged. After a request
without a response it is unknown what was stored, and a rollover can happen in between. So the stream is asked before
the events are sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from elastic_transport import ConnectionError as TransportConnectionError
from elastic_transport import ConnectionTimeout, TlsError
from elasticsearch import ApiError, Elasticsearch

from common.retry_wait import RetryWait
from contract import hints
from contract.artifact.contract import EventWords
from contract.documents.datasets import CONNECTION, dataset_of
from contract.documents.fields import NO_PIPELINE
from contract.errors import EngineUnavailableError, InputError, SettingsError
from es_pipelines.reading.header import NETWORK
from es_pipelines.ship import target as ship_target
from es_pipelines.ship.events import Event, Identity, failed_documents
from es_pipelines.ship.report import EventOutcome

RETRY_STATUSES = frozenset({429, 502, 503, 504})
"""Statuses that concern the server and not the event."""
FAULT = 500
MAX_FAULTS = 5
"""How often an event may get 500 before the event itself counts as the cause."""
BULK_FIELDS = ("items.*.status", "items.*.result", "items.*._id", "items.*.error.type", "items.*.error.reason")

_Response = TypeVar("_Response")


@dataclass(frozen=True, slots=True)
class ItemResponse:
    """Elasticsearch's response to one event of a bulk request."""

    status: int
    result: str
    error: str

    @classmethod
    def of(cls, item: dict[str, Any]) -> ItemResponse:
        """Parse an item of the bulk response, `{"create": {...}}`."""
        item_fields = next(iter(item.values()))
        error = item_fields.get("error") or {}
        reason = f"{error.get('type', '')}: {error.get('reason', '')}" if error else ""
        return cls(
            int(item_fields["status"]),
            str(item_fields.get("result", "")),
            reason[:500],
        )


class Sender:
    """Sends the events of one stream."""

    def __init__(self, es: Elasticsearch, stream: str, retry_wait: RetryWait, words: EventWords = NETWORK) -> None:
        self.es = es.options(max_retries=0, retry_on_timeout=False)
        self.stream, self.retry_wait, self.words = stream, retry_wait, words
        self.may_read = True
        """Whether our key may read stored documents. If not, each event needs an id that no other file's can have."""

    def deliver(self, events: Sequence[Event], identity: Identity) -> list[EventOutcome]:
        """Send events until each is settled.

        Returns:
            the outcome of each event, in order.
        Raises:
            OversightError: an event cannot be settled; names it and the reason. Other events may be stored.
            Stopped: asked to stop while Elasticsearch was unavailable.
        """
        outcomes, refused, conflicts = {}, {}, list[int]()
        for position, response in self._bulk_until_settled(events, identity).items():
            if response is None:
                outcomes[position] = EventOutcome.STORED
            elif response.status < 300:
                outcomes[position] = EventOutcome.HEADER if response.result == "noop" else EventOutcome.STORED
            elif response.status == 409:
                conflicts.append(position)
            else:
                refused[position] = response
        for position, response in refused.items():
            last = self._store_failed(events[position], identity, response)
            outcomes[position] = EventOutcome.REFUSED
            if last is not None and last.status == 409:
                conflicts.append(position)
        if conflicts:
            settled = self._settle_conflicts([events[at] for at in conflicts], identity)
            outcomes |= zip(conflicts, settled, strict=True)
        return [outcomes[position] for position in range(len(events))]

    def find_stored(self, events: Sequence[Event], identity: Identity) -> list[tuple[Event, bool]]:
        """Each event with its final id, and whether the stream has it in any backing index.

        If another file's event already has the id, the event gets its own file's id.

        Raises:
            InputError: a document with the id has another line.
        """
        ids = [event.id for event in events]
        stored = self.retry(lambda: ship_target.stored(self.es, self.stream, ids))
        there = [_is_ours(event, stored.get(event.id, ()), identity) for event in events]
        foreign = [at for at, event in enumerate(events) if event.id in stored and not there[at]]
        checked = list(zip(events, there, strict=True))
        if foreign:
            apart = self.find_stored([with_own_id(events[at], identity) for at in foreign], identity)
            for at, located in zip(foreign, apart, strict=True):
                checked[at] = located
        return checked

    def deliver_missing(self, checked: Sequence[tuple[Event, bool]], identity: Identity) -> list[EventOutcome]:
        """Send the events that the stream does not have. Takes what `find_stored` returns, and raises as `deliver`."""
        sent = iter(self.deliver([event for event, is_there in checked if not is_there], identity))
        return [EventOutcome.ALREADY_THERE if is_there else next(sent) for _, is_there in checked]

    def retry(self, call: Callable[[], _Response], *, at_start: bool = False) -> _Response:
        """Repeat a request until Elasticsearch responds. The request must be safe to repeat.

        Args:
            call: sends the request.
            at_start: the user is waiting to see whether the address is right: raise a failed connection at once.
        """
        while True:
            try:
                response = call()
            except (TransportConnectionError, ConnectionTimeout, ApiError) as error:
                if at_start and not isinstance(error, ApiError):
                    raise
                self.retry_wait.wait(_retry_reason(error))
            else:
                self.retry_wait.succeeded()
                return response

    def _bulk_until_settled(
        self, events: Sequence[Event], identity: Identity, pipeline: str | None = None
    ) -> dict[int, ItemResponse | None]:
        """The response to each event by position; None if an earlier request without a response had stored it."""
        responses: dict[int, ItemResponse | None] = {}
        waiting = list(range(len(events)))
        faults = 0
        while waiting:
            try:
                batch_responses = self._bulk([events[at] for at in waiting], pipeline)
            except (TransportConnectionError, ConnectionTimeout, ApiError) as error:
                if isinstance(error, ApiError) and error.status_code == 413:
                    return responses | self._in_halves(events, waiting, identity, pipeline)
                self.retry_wait.wait(_retry_reason(error))
                responses |= dict.fromkeys(self._stored_meanwhile(events, waiting, identity))
                waiting = [at for at in waiting if at not in responses]
                if isinstance(error, ConnectionTimeout) and len(waiting) > 1:  # perhaps too much for a slow server
                    return responses | self._in_halves(events, waiting, identity, pipeline)
                continue
            faults += 1
            last_try = faults >= MAX_FAULTS
            again = {
                at
                for at, response in zip(waiting, batch_responses, strict=True)
                if _is_retried(response, last_try=last_try)
            }
            responses |= {
                at: response for at, response in zip(waiting, batch_responses, strict=True) if at not in again
            }
            reason = next(
                (response.error for at, response in zip(waiting, batch_responses, strict=True) if at in again), ""
            )
            waiting = sorted(again)
            if waiting:
                self.retry_wait.wait(f"Elasticsearch is overloaded and put off {len(waiting)} events ({reason[:120]})")
            else:
                self.retry_wait.succeeded()
        return responses

    def _stored_meanwhile(self, events: Sequence[Event], waiting: list[int], identity: Identity) -> list[int]:
        if not self.may_read:  # send it again: a stored event is refused by its id
            return []
        ids = [events[at].id for at in waiting]
        stored = self.retry(lambda: ship_target.stored(self.es, self.stream, ids))
        return [at for at in waiting if _is_ours(events[at], stored.get(events[at].id, ()), identity)]

    def _in_halves(
        self, events: Sequence[Event], waiting: list[int], identity: Identity, pipeline: str | None
    ) -> dict[int, ItemResponse | None]:
        """Split a request that was too large or too slow for the server into two."""
        if len(waiting) == 1:
            event = events[waiting[0]]
            raise InputError(
                f"the line at byte {event.line.offset} has {len(event.line.content)} bytes and Elasticsearch "
                "accepts no request "
                f"that large (413); raise http.max_content_length there, or take the line out of the file"
            )
        middle = len(waiting) // 2
        responses: dict[int, ItemResponse | None] = {}
        for half in (waiting[:middle], waiting[middle:]):
            part = self._bulk_until_settled([events[at] for at in half], identity, pipeline)
            responses |= {half[at]: response for at, response in part.items()}
        return responses

    def _bulk(self, events: Sequence[Event], pipeline: str | None) -> list[ItemResponse]:
        operations: list[Any] = []  # ready JSON, which the client sends unchanged
        for event in events:
            operations += (b'{"create":{"_id":"%b"}}' % event.id.encode(), event.source)
        body = self.es.bulk(index=self.stream, operations=operations, pipeline=pipeline, filter_path=BULK_FIELDS)
        responses = [ItemResponse.of(item) for item in body["items"]]
        for response in responses:
            _raise_if_fatal(response, self.stream)
        return responses

    def _store_failed(self, event: Event, identity: Identity, refusal: ItemResponse) -> ItemResponse | None:
        """Store a refused event as failed. Returns the response to that, which can be 409 if the id is taken."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        response: ItemResponse | None = refusal
        dataset, _ = dataset_of(self.stream) or (CONNECTION, "")
        for source in failed_documents(
            identity,
            event.line,
            reason=refusal.error,
            now=now,
            dataset=dataset,
            words=self.words,
            csv=event.row.csv_fields,
        ):
            response = self._bulk_until_settled([event._replace(source=source)], identity, NO_PIPELINE)[0]
            if response is None or response.status < 300 or response.status == 409:
                return response
        raise InputError(
            f"{identity.shown}: Elasticsearch refuses the line at byte {event.line.offset}, also as a failed event "
            f"({response.error if response else ''}); run {hints.run('provision')}, then ship again: it continues "
            "from this line"
        )

    def _settle_conflicts(self, events: list[Event], identity: Identity) -> list[EventOutcome]:
        """The outcome of events whose id Elasticsearch refused because it is taken (409)."""
        if not self.may_read:
            return [EventOutcome.ALREADY_THERE] * len(events)
        checked = self.find_stored(events, identity)
        for event, (found, is_there) in zip(events, checked, strict=True):
            if found.id == event.id and not is_there:
                raise EngineUnavailableError(
                    f"{identity.shown}: the line at byte {event.line.offset} was refused as already stored "
                    "(409), but it is not stored; someone may be deleting documents; ship again"
                )
        return self.deliver_missing(checked, identity)


def _is_ours(event: Event, found: Iterable[ship_target.StoredLine], identity: Identity) -> bool:
    """Whether one of the documents with an event's id came from this file, and not from another file of its name.

    Raises:
        InputError: a document has another line.
    """
    ours = False
    for stored in found:
        if not identity.is_line(stored.original, event.line):
            raise _not_the_line(event, identity, "line")
        ours = ours or identity.is_of(stored.path, stored.host)
    return ours


def with_own_id(event: Event, identity: Identity) -> Event:
    """The event under an id that no other file's event can have, because another file's event has the usual id."""
    own_id = identity.own_id_of(event.line)
    if event.id == own_id:
        raise _not_the_line(event, identity, "path and machine")
    return event._replace(id=own_id)


def _not_the_line(event: Event, identity: Identity, expected: str) -> InputError:
    return InputError(
        f"{identity.shown}: the stream has a document {event.id} that is not the line at byte {event.line.offset}; "
        f"expected the same {expected}; find out who wrote it, delete it, and ship again"
    )


def _is_retried(response: ItemResponse, *, last_try: bool) -> bool:
    return (
        response.status in RETRY_STATUSES
        or "cluster_block_exception" in response.error
        or (response.status == FAULT and not last_try)
    )


def _raise_if_fatal(response: ItemResponse, stream: str) -> None:
    """Raise an error if the response concerns the configuration, because every other event would get the same."""
    if response.status in (401, 403) and "cluster_block_exception" not in response.error:
        raise SettingsError(
            f"Elasticsearch forbids writing to {stream} ({response.error[:200]}); give the user or key the "
            "privilege create_doc"
        )
    if response.status == 404 or "pipeline with id [" in response.error:
        raise InputError(
            f"{stream} lost its index or ingest pipeline ({response.error[:200]}); run {hints.run('provision')}"
        )


def _retry_reason(error: Exception) -> str:
    """The reason for the retry.

    Raises:
        OversightError, ApiError: a retry would not help.
    """
    if isinstance(error, ApiError):
        if error.status_code not in RETRY_STATUSES:
            raise error
        return f"Elasticsearch is overloaded or not ready ({error.status_code})"
    if isinstance(error, TlsError):
        raise error
    if isinstance(error, ConnectionTimeout):
        return "Elasticsearch did not answer in time"
    return "Elasticsearch cannot be reached"
