"""The lanes of one round: parts of one point in time, each in a thread of its own.

    point in time ──┬──▶ lane 1 of 3 ──┐
                    ├──▶ lane 2 of 3 ──┼──▶ what they found together, or the first fault
                    └──▶ lane 3 of 3 ──┘

The first lane that meets a fault, another watcher or a stop ends the round for all of them after the page in hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from watcher.lane import Found, Lane, Order
from watcher.read.poll import PointInTime, Wanted
from watcher.read.slices import Slice, combined


def run_lanes(lanes: Sequence[Lane], point: PointInTime, wanted: Wanted, order: Order) -> Found:
    """Share what is wanted among some lanes; ends when all have ended.

    Raises:
        ServerError: the first lane's that met one; the others have finished what they had in hand.
    """
    if len(lanes) == 1:
        return lanes[0].run(point, wanted, order)
    with ThreadPoolExecutor(len(lanes), thread_name_prefix="lane") as executor:
        running = [
            executor.submit(lane.run, point, _share(wanted, number, len(lanes)), order)
            for number, lane in enumerate(lanes)
        ]
        return _together(running)


def _share(wanted: Wanted, number: int, count: int) -> Wanted:
    part = None if wanted.part is None else Slice(*wanted.part)
    return replace(wanted, part=combined(part, Slice(number, count)))


def _together(running: Sequence[Future[Found]]) -> Found:
    faults = [fault for fault in (one.exception() for one in running) if fault is not None]
    if faults:
        raise faults[0]
    found = Found()
    for one in running:
        found.add(one.result())
    return found
