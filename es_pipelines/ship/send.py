"""Send events in bulk until each has its answer, however often Elasticsearch is away or overloaded meanwhile.

    events ──▶ bulk create ──▶ answer per event ──▶ stored · already there · header · refused
                  ▲                  │
                  └── 429, 503, no ──┘              refused (400): stored once more as failed, unparsed
                      answer: later,
                      only these

Each event ends as exactly one `Outcome`, or an error names it and nothing after it is acknowledged. After a request
without an answer nobody knows what was stored, and a rollover may come in between: the stream is asked before sending
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from elastic_transport import ConnectionError as TransportConnectionError
from elastic_transport import ConnectionTimeout, TlsError
from elasticsearch import ApiError, Elasticsearch

from contract import hints
from contract.documents.fields import NO_PIPELINE
from contract.errors import EngineUnavailableError, InputError, SettingsError
from es_pipelines.ship import target as ship_target
from es_pipelines.ship.events import Event, Identity, failed_documents, text_of
from es_pipelines.ship.report import Outcome
from es_pipelines.ship.server_wait import Patience

LATER = frozenset({429, 502, 503, 504})
"""Answers that tell of the server and not of the event."""
FAULT = 500
FAULT_TRIES = 5
"""Times that an event may be answered 500 before it counts as the event's own fault."""
TAKEN = (
    "items.*.status",
    "items.*.result",
    "items.*._index",
    "items.*._id",
    "items.*.error.type",
    "items.*.error.reason",
)

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Answer:
    """Elasticsearch's last word on one event of a bulk request."""

    status: int
    result: str
    index: str
    error: str

    @classmethod
    def of(cls, item: dict[str, Any]) -> Answer:
        """From an item of the response, `{"create": {...}}`."""
        told = next(iter(item.values()))
        error = told.get("error") or {}
        reason = f"{error.get('type', '')}: {error.get('reason', '')}" if error else ""
        return cls(int(told["status"]), str(told.get("result", "")), str(told.get("_index", "")), reason[:500])


class Sender:
    """Sends the events of one stream."""

    def __init__(self, es: Elasticsearch, stream: str, patience: Patience) -> None:
        self.es = es.options(max_retries=0, retry_on_timeout=False)
        self.stream, self.patience = stream, patience
        self.may_look = True
        """Whether our key may read what is stored. If not, an event's id must be one that no other file's event has."""

    def deliver(self, events: Sequence[Event], identity: Identity) -> list[Outcome]:
        """Send events and see to each until it is settled.

        Returns:
            one outcome an event, in the order of the events.
        Raises:
            OversightError: an event cannot be settled; which, and why. Others may be stored.
            Stopped: asked to stop while Elasticsearch was away.
        """
        outcomes, refused, conflicts = {}, {}, {}
        for position, answer in self._until_answered(events, identity).items():
            if answer is None:
                outcomes[position] = Outcome.STORED
            elif answer.status < 300:
                outcomes[position] = Outcome.HEADER if answer.result == "noop" else Outcome.STORED
            elif answer.status == 409:
                conflicts[position] = answer
            else:
                refused[position] = answer
        for position, answer in refused.items():
            last = self._store_failed(events[position], identity, answer)
            outcomes[position] = Outcome.REFUSED
            if last is not None and last.status == 409:
                conflicts[position] = last
        if conflicts:
            ours = self._are_ours([events[at] for at in conflicts], list(conflicts.values()), identity)
            outcomes |= dict.fromkeys(conflicts, Outcome.ALREADY_THERE)
            foreign = [at for at, is_ours in zip(conflicts, ours, strict=True) if not is_ours]
            if foreign:
                apart = [apart_of(events[at], identity) for at in foreign]
                outcomes |= zip(foreign, self.deliver(apart, identity), strict=True)
        return [outcomes[position] for position in range(len(events))]

    def located(self, events: Sequence[Event], identity: Identity) -> list[tuple[Event, bool]]:
        """Each event under the id that it has or will have, and whether the stream has it, in any backing index.

        An id that another file's event has taken is none for ours: then the file's own id holds.

        Raises:
            InputError: an id is there with another line.
        """
        ids = [event.id for event in events]
        found = self.patiently(lambda: ship_target.stored(self.es, self.stream, ids))
        there = [_is_ours(event, found.get(event.id, ()), identity) for event in events]
        taken = [at for at, event in enumerate(events) if event.id in found and not there[at]]
        located = list(zip(events, there, strict=True))
        if taken:
            apart = self.located([apart_of(events[at], identity) for at in taken], identity)
            for at, one in zip(taken, apart, strict=True):
                located[at] = one
        return located

    def patiently(self, call: Callable[[], _Answer], *, at_start: bool = False) -> _Answer:
        """Do a request that may be done twice, again and again until Elasticsearch answers.

        Args:
            call: does the request.
            at_start: somebody waits to hear whether the address is right: a failed connection is raised at once.
        """
        while True:
            try:
                answer = call()
            except (TransportConnectionError, ConnectionTimeout, ApiError) as error:
                if at_start and not isinstance(error, ApiError):
                    raise
                self.patience.wait(_why_later(error))
            else:
                self.patience.succeeded()
                return answer

    def _until_answered(
        self, events: Sequence[Event], identity: Identity, pipeline: str | None = None
    ) -> dict[int, Answer | None]:
        """Position of each event: its answer, None where an earlier request without an answer had stored it."""
        answers: dict[int, Answer | None] = {}
        waiting = list(range(len(events)))
        faults = 0
        while waiting:
            try:
                got = self._bulk([events[at] for at in waiting], pipeline)
            except (TransportConnectionError, ConnectionTimeout, ApiError) as error:
                if isinstance(error, ApiError) and error.status_code == 413:
                    return answers | self._in_halves(events, waiting, identity, pipeline)
                self.patience.wait(_why_later(error))
                answers |= dict.fromkeys(self._stored_meanwhile(events, waiting, identity))
                waiting = [at for at in waiting if at not in answers]
                if isinstance(error, ConnectionTimeout) and len(waiting) > 1:  # perhaps too much for a slow server
                    return answers | self._in_halves(events, waiting, identity, pipeline)
                continue
            faults += 1
            last_try = faults >= FAULT_TRIES
            again = {at for at, answer in zip(waiting, got, strict=True) if _is_for_later(answer, last_try=last_try)}
            answers |= {at: answer for at, answer in zip(waiting, got, strict=True) if at not in again}
            reason = next((answer.error for at, answer in zip(waiting, got, strict=True) if at in again), "")
            waiting = sorted(again)
            if waiting:
                self.patience.wait(f"Elasticsearch is overloaded and put off {len(waiting)} events ({reason[:120]})")
            else:
                self.patience.succeeded()
        return answers

    def _stored_meanwhile(self, events: Sequence[Event], waiting: list[int], identity: Identity) -> list[int]:
        if not self.may_look:  # sent again; what is there is refused by its id
            return []
        ids = [events[at].id for at in waiting]
        found = self.patiently(lambda: ship_target.stored(self.es, self.stream, ids))
        return [at for at in waiting if _is_ours(events[at], found.get(events[at].id, ()), identity)]

    def _in_halves(
        self, events: Sequence[Event], waiting: list[int], identity: Identity, pipeline: str | None
    ) -> dict[int, Answer | None]:
        """A request was too large or took too long for the server: two smaller ones."""
        if len(waiting) == 1:
            event = events[waiting[0]]
            raise InputError(
                f"the line at byte {event.line.offset} has {len(event.line.content)} bytes and Elasticsearch "
                "accepts no request "
                f"that large (413); raise http.max_content_length there, or take the line out of the file"
            )
        middle = len(waiting) // 2
        answers: dict[int, Answer | None] = {}
        for half in (waiting[:middle], waiting[middle:]):
            part = self._until_answered([events[at] for at in half], identity, pipeline)
            answers |= {half[at]: answer for at, answer in part.items()}
        return answers

    def _bulk(self, events: Sequence[Event], pipeline: str | None) -> list[Answer]:
        operations: list[Any] = []  # ready JSON, which the client passes on as it is
        for event in events:
            operations += (b'{"create":{"_id":"%b"}}' % event.id.encode(), event.source)
        response = self.es.bulk(index=self.stream, operations=operations, pipeline=pipeline, filter_path=TAKEN)
        answers = [Answer.of(item) for item in response["items"]]
        for answer in answers:
            _raise_for_everyone(answer, self.stream)
        return answers

    def _store_failed(self, event: Event, identity: Identity, refusal: Answer) -> Answer | None:
        """Store a refused event as failed; the answer to that, perhaps that its id is taken (409)."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        answer: Answer | None = refusal
        for source in failed_documents(identity, event.line, reason=refusal.error, now=now, csv=event.row.beside):
            answer = self._until_answered([event._replace(source=source)], identity, NO_PIPELINE)[0]
            if answer is None or answer.status < 300 or answer.status == 409:
                return answer
        raise InputError(
            f"{identity.path}: Elasticsearch refuses the line at byte {event.line.offset}, also as a failed event "
            f"({answer.error if answer else ''}); run {hints.run('provision')}, then ship again: it continues "
            "from this line"
        )

    def _are_ours(self, events: list[Event], answers: list[Answer], identity: Identity) -> list[bool]:
        if not self.may_look:
            return [True] * len(events)
        places = [(answer.index or self.stream, event.id) for event, answer in zip(events, answers, strict=True)]
        found = self.patiently(lambda: ship_target.stored_at(self.es, places))
        for event in events:
            if event.id not in found:
                raise EngineUnavailableError(
                    f"{identity.path}: the line at byte {event.line.offset} was refused as already stored "
                    "(409), but it is not stored; "
                    f"someone may be deleting documents; ship again"
                )
        return [_is_ours(event, [found[event.id]], identity) for event in events]


def _is_ours(event: Event, found: Iterable[ship_target.Stored], identity: Identity) -> bool:
    """Whether one of the documents that have an event's id came from this file and not from another of its name.

    Raises:
        InputError: one holds another line.
    """
    ours = False
    for stored in found:
        if stored.original != text_of(event.line.content)[0]:
            raise _not_the_line(event, identity, "line")
        ours = ours or identity.is_of(stored.path, stored.host)
    return ours


def apart_of(event: Event, identity: Identity) -> Event:
    """An event whose id is taken by another file's, under the id that no other file's has."""
    own_id = identity.own_id_of(event.line)
    if event.id == own_id:
        raise _not_the_line(event, identity, "path and machine")
    return event._replace(id=own_id)


def _not_the_line(event: Event, identity: Identity, expected: str) -> InputError:
    return InputError(
        f"{identity.path}: the stream has a document {event.id} that is not the line at byte {event.line.offset}; "
        f"expected the same {expected}; find out who wrote it, delete it, and ship again"
    )


def _is_for_later(answer: Answer, *, last_try: bool) -> bool:
    return (
        answer.status in LATER or "cluster_block_exception" in answer.error or (answer.status == FAULT and not last_try)
    )


def _raise_for_everyone(answer: Answer, stream: str) -> None:
    """End where an answer tells of the set-up, so that the next event would get the same."""
    if answer.status in (401, 403) and "cluster_block_exception" not in answer.error:
        raise SettingsError(
            f"Elasticsearch forbids writing to {stream} ({answer.error[:200]}); give the user or key the "
            "privilege create_doc"
        )
    if answer.status == 404 or "pipeline with id [" in answer.error:
        raise InputError(
            f"{stream} lost its index or ingest pipeline ({answer.error[:200]}); run {hints.run('provision')}"
        )


def _why_later(error: Exception) -> str:
    """Why a request is tried again.

    Raises:
        OversightError, ApiError: trying again would not help.
    """
    if isinstance(error, ApiError):
        if error.status_code not in LATER:
            raise error
        return f"Elasticsearch is overloaded or not ready ({error.status_code})"
    if isinstance(error, TlsError):
        raise error
    if isinstance(error, ConnectionTimeout):
        return "Elasticsearch did not answer in time"
    return "Elasticsearch cannot be reached"
