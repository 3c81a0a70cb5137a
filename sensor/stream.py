"""From the flows of any source to their 41 columns, in the order of their ends.

flows, as they become known ──▶ in_order.py ──▶ kdd_record.py ──▶ windows/ ──▶ Sensed
                                sorts late      own columns,      the other
                                ones in         what is unknown   19 columns
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from sensor.connection import Connection
from sensor.flow import Flow
from sensor.kdd_record import KddRecord, record_of
from sensor.windows.features import Columns, FeatureExtractor
from sensor.windows.in_order import LATE_S, InOrder

MAX_ICMP_FLOWS = 100_000
"""ICMP flows whose last message is kept until the flow is over; beyond this number the oldest is forgotten."""


class Sensed(Struct, frozen=True, gc=False):
    """A flow with its columns."""

    flow: Flow
    columns: Columns
    unavailable: tuple[str, ...]
    """Columns that the source cannot know. Their values in `columns` mean nothing."""
    approximate: tuple[str, ...]
    """Columns that the source knows only approximately."""


class Stream:
    """Computes the columns of the flows of one network. Memory and time for a flow stay the same.

    Args:
        late_s: a flow may become known this long after a flow that ended later.
        is_live: flows come while they happen, so that time passes when none comes.
        explained: uid of the flow whose windows go to `explanation`; it makes every flow slower.
    """

    def __init__(self, late_s: float = LATE_S, *, is_live: bool = False, explained: str | None = None) -> None:
        self._extractor = FeatureExtractor(explain=explained is not None)
        self._in_order: InOrder[Flow] = InOrder(late_s)
        self._is_live, self._fed_at_s = is_live, time.monotonic()
        self._last_messages: OrderedDict[str, tuple[Columns, KddRecord]] = OrderedDict()
        self._explained = explained
        self.explanation: Mapping[str, Sequence[Connection]] = {}
        """The connections in the windows of the explained flow, or of its last ICMP message."""

    @property
    def late(self) -> int:
        """Flows that came too late to be sorted in; the windows saw them later than they happened."""
        return self._in_order.late

    @property
    def off(self) -> int:
        """Flows whose clock was off by more than an hour; the windows saw them when they came."""
        return self._in_order.off

    @property
    def early(self) -> int:
        """Flows that did not wait for late ones, because too many were held."""
        return self._in_order.early

    @property
    def set_back(self) -> int:
        """Times that the clock jumped back by more than an hour; the windows then continue as if time had passed."""
        return self._in_order.set_back

    def feed(self, flows: Sequence[Flow]) -> Iterator[Sensed]:
        """Add flows, and get those that no later one can precede any more. Live, call it with no flows too."""
        for flow in flows:
            for ended_s, ready in self._in_order.push(flow.ended_s, flow):
                if sensed := self._sense(ready, ended_s):
                    yield sensed
        if flows:
            self._fed_at_s = time.monotonic()
        elif self._is_live:
            for ended_s, ready in self._in_order.idle(time.monotonic() - self._fed_at_s):
                if sensed := self._sense(ready, ended_s):
                    yield sensed

    def close(self) -> Iterator[Sensed]:
        """Get the rest."""
        for ended_s, ready in self._in_order.close():
            if sensed := self._sense(ready, ended_s):
                yield sensed

    def _sense(self, flow: Flow, ended_s: float) -> Sensed | None:
        """The flow with its columns; None for an ICMP message, whose columns its flow gets."""
        if flow.has_messages and flow.uid in self._last_messages:
            columns, record = self._last_messages.pop(flow.uid)
            return Sensed(flow, columns, record.unavailable, record.approximate)
        record = record_of(flow, ended_s)
        columns = self._extractor.observe(record.connection)
        if self._explained is not None and self._explained in (flow.uid, flow.message_of):
            self.explanation = self._extractor.explain()
        if not flow.message_of:
            return Sensed(flow, columns, record.unavailable, record.approximate)
        self._last_messages.pop(flow.message_of, None)
        self._last_messages[flow.message_of] = columns, record
        if len(self._last_messages) > MAX_ICMP_FLOWS:
            self._last_messages.popitem(last=False)
        return None
