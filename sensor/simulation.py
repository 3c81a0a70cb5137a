"""Simulate a short day of traffic on one clock.

    alpha's work ──┐
    bravo's work ──┤                                               ┌─ warm-up: seen by the sensor, not written
    ...            ├──▶ merged by start ──▶ by end ──▶ windows/ ───┤
    neptune ───────┤                                               └─ Records, in order of their end
    smurf ... ─────┘

In a round every attack gets its share of the connections at a fixed time; the rest is people's work. Each stream draws
from its own seed, so the same arguments always give the same records. As on a real sensor, a record exists when its
connection is over; a session of an hour that began in the round is written after the round's other records.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from contract.errors import InputError
from contract.kdd99.columns import NORMAL
from sensor.connection import Connection
from sensor.draw import Draw
from sensor.network import MAX_USERS, Segment, segments
from sensor.scenarios import ATTACKS, Attack
from sensor.scenarios.normal import working_day
from sensor.windows.features import Columns, FeatureExtractor, csv_line

DEFAULT_USERS = ("alpha", "bravo", "charlie", "delta")
DEFAULT_EVENTS = 2_000
MIN_EVENTS = 200
"""With fewer events, the smallest attacks would outweigh people's work."""
MIN_ATTACK = 2
"""Smallest number of connections of an attack in a round."""
WARM_UP = 4_000
"""Connections before the first record. A real sensor has usually run for a while, so its host window is full."""
SECONDS_A_CONNECTION = 2.5
"""Mean time between connections of people's work, over all users. Decides how long a round lasts."""
CONNECTIONS_A_VISIT = 4.3
"""Mean number of connections in a visit (`sensor.scenarios.normal`): turns a connection rate into a visit rate."""


@dataclass(frozen=True, slots=True)
class Event:
    """A connection with what only the simulator knows about it."""

    connection: Connection
    user: str
    scenario: str
    label: str
    is_warm_up: bool = False
    """Seen by the sensor before the first record, and not written."""


@dataclass(frozen=True, slots=True)
class Record:
    """One raw line, with its true label."""

    user: str
    ended_at: datetime
    """When the connection was over, with its time zone."""
    columns: Columns
    """41 values in the order of `contract.kdd99.columns.COLUMNS`."""
    connection: Connection
    """On the simulation's own clock."""
    scenario: str
    label: str
    """KDD's name for the scenario; `normal` for people's work."""

    @property
    def addresses(self) -> tuple[str, str, str, str]:
        """The values of `contract.kdd99.columns.ADDRESSES`; an ICMP message has no ports."""
        found = self.connection
        ports = ("", "") if found.protocol_type == "icmp" else (str(found.source_port), str(found.destination_port))
        return found.source, ports[0], found.destination, ports[1]

    def csv_line(self, *, addresses: bool = False, label: bool = False) -> str:
        """The line without a line break.

        Args:
            addresses: append who talked to whom to KDD's 41 columns.
            label: append the true label, which ends in a full stop as in KDD's files.
        """
        values = [csv_line(self.columns), *(self.addresses if addresses else ())]
        return ",".join([*values, f"{self.label}."] if label else values)


def simulate(
    *,
    seed: int,
    start: datetime,
    users: Sequence[str] = DEFAULT_USERS,
    events: int = DEFAULT_EVENTS,
    loop: bool = False,
    warm_up: int = WARM_UP,
) -> Iterator[Record]:
    """Play rounds of `events` connections and yield their records in order of their end.

    Args:
        seed: the same seed gives the same records.
        start: time at which the first connection of the round can begin, with a time zone.
        users: the users; each has a segment of the network and a file.
        events: records in a round, with every scenario among them.
        loop: play round after round; the windows continue. Otherwise play one round.
        warm_up: connections of people's work that the sensor sees before the first record.
    Raises:
        InputError: too few events, no users or too many, a user that cannot name a file, or a start without a time
            zone.
    """
    _check(start, users, events, warm_up)
    return _play(seed, start, segments(users), events, loop, warm_up)


def sizes(events: int) -> dict[str, int]:
    """How many of a round's connections each attack gets; the rest is people's work."""
    return {attack.name: max(MIN_ATTACK, round(attack.share * events)) for attack in ATTACKS}


def _play(
    seed: int, start: datetime, network: Sequence[Segment], events: int, loop: bool, warm_up: int
) -> Iterator[Record]:
    seeds = np.random.SeedSequence(seed).spawn(len(network) + len(ATTACKS))
    work = _people(seeds[: len(network)], network)
    before = [replace(event, is_warm_up=True) for event in itertools.islice(work, warm_up)]
    began_s = before[-1].connection.started_s if before else 0.0
    attack_size = sizes(events)
    work_size = events - sum(attack_size.values())
    round_s = work_size * SECONDS_A_CONNECTION
    attacks = [
        _attack(Draw(seed), attack, network, index, attack_size[attack.name], began_s, round_s, loop)
        for index, (attack, seed) in enumerate(zip(ATTACKS, seeds[len(network) :], strict=True))
    ]
    extractor = FeatureExtractor()
    played = _by_start([work if loop else itertools.islice(work, work_size), *attacks])
    for event in _by_end(itertools.chain(before, played)):
        columns = extractor.observe(event.connection)
        if not event.is_warm_up:
            yield Record(
                user=event.user,
                ended_at=start + timedelta(seconds=event.connection.ended_s - began_s),
                columns=columns,
                connection=event.connection,
                scenario=event.scenario,
                label=event.label,
            )


def _people(seeds: Sequence[np.random.SeedSequence], network: Sequence[Segment]) -> Iterator[Event]:
    """The work of all users, without end."""
    mean_pause_s = CONNECTIONS_A_VISIT * SECONDS_A_CONNECTION * len(network)
    return _by_start([_work(Draw(seed), here, mean_pause_s) for seed, here in zip(seeds, network, strict=True)])


def _work(draw: Draw, here: Segment, mean_pause_s: float) -> Iterator[Event]:
    for activity, connection in working_day(draw, here, 0.0, mean_pause_s):
        yield Event(connection, here.user, activity, NORMAL)


def _attack(
    draw: Draw,
    attack: Attack,
    network: Sequence[Segment],
    index: int,
    size: int,
    began_s: float,
    round_s: float,
    loop: bool,
) -> Iterator[Event]:
    """One attack in every round, each time on another user's segment."""
    now_s = began_s
    for number in itertools.count() if loop else range(1):
        here = network[(index + number) % len(network)]
        now_s = max(now_s, began_s + (number + attack.begins) * round_s)
        for connection in itertools.islice(attack.play(draw, here, now_s), size):
            now_s = connection.started_s
            yield Event(connection, here.user, attack.name, attack.label)


def _by_start(streams: Sequence[Iterator[Event]]) -> Iterator[Event]:
    return heapq.merge(*streams, key=lambda event: event.connection.started_s)


def _by_end(events: Iterable[Event]) -> Iterator[Event]:
    """Sort events, which come in order of their start, by their end. Holds the connections that are open."""
    open_until: list[tuple[float, int, Event]] = []
    for number, event in enumerate(events):
        while open_until and open_until[0][0] <= event.connection.started_s:
            yield heapq.heappop(open_until)[2]
        heapq.heappush(open_until, (event.connection.ended_s, number, event))
    yield from (event for _, _, event in sorted(open_until))


def _check(start: datetime, users: Sequence[str], events: int, warm_up: int) -> None:
    if start.tzinfo is None:
        raise InputError(f"the start {start.isoformat()} has no time zone; add one, such as +00:00")
    if events < MIN_EVENTS or warm_up < 0:
        raise InputError(f"{events} events after {warm_up} of warm-up; expected {MIN_EVENTS} or more after 0 or more")
    if not 1 <= len(users) <= MAX_USERS or len(set(users)) < len(users):
        raise InputError(
            f"--user: {len(users)} users, {len(set(users))} of them different; expected 1 to {MAX_USERS} different "
            f"users"
        )
    for user in users:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", user):
            raise InputError(
                f"user {user[:80]!r} cannot be used as a file name; use 1 to 64 letters, digits, '.', '_' or '-'"
            )
