"""Flows with their columns, as a sensor gives them, from the simulated day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from sensor.flow import Flow
from sensor.simulation import Record, simulate
from sensor.stream import Sensed

START = datetime(2026, 11, 30, 10, tzinfo=UTC)
USERS = ("alpha", "bravo", "charlie", "delta")


def sensed_of(record: Record, number: int, *, unavailable: tuple[str, ...] = ()) -> Sensed:
    """A record of the simulator as a flow; each user has a machine, and each attack one of its own."""
    host = USERS.index(record.user) + 1
    duration, protocol, _, state, sent, received, *_ = record.columns
    flow = Flow(
        uid=f"C{number}",
        started_s=record.ended_at.timestamp() - float(duration),
        duration_s=float(duration),
        protocol=str(protocol),
        source=f"10.0.0.{host}" if record.label == "normal" else f"10.0.9.{host}",
        source_port=40_000,
        destination="192.0.2.7",
        destination_port=80,
        state=str(state),
        source_bytes=int(sent),
        destination_bytes=int(received),
    )
    return Sensed(flow, record.columns, unavailable, ())


def changed(sensed: Sensed, **fields: Any) -> Sensed:
    """The same with other facts of its flow."""
    return structs.replace(sensed, flow=structs.replace(sensed.flow, **fields))


def simulated(events: int = 2000, *, seed: int = 5, **options: Any) -> Iterator[Sensed]:
    """The flows of a simulated day."""
    for number, record in enumerate(simulate(seed=seed, start=START, users=USERS, events=events)):
        yield sensed_of(record, number, **options)


def people(events: int = 2000, *, seed: int = 5) -> Iterator[Sensed]:
    """The same without the attacks."""
    for number, record in enumerate(simulate(seed=seed, start=START, users=USERS, events=events)):
        if record.label == "normal":
            yield sensed_of(record, number)
