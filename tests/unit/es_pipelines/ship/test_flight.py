"""Several batches in flight, completed in their order; and the limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.errors import InputError
from es_pipelines.ship.in_flight import RateLimit, in_order
from tests.waiting import WAIT_S


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def never() -> bool:
    return False


def test_results_are_in_the_order_of_the_items(pool: ThreadPoolExecutor) -> None:
    """An acknowledged offset must not be ahead of a batch that is still in flight."""
    second = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert second.wait(WAIT_S)
        else:
            second.set()
        return 10 * item

    assert list(in_order(range(6), work, pool, limit=4, stopped=never)) == [(n, 10 * n) for n in range(6)]


def test_no_more_items_are_read_than_the_limit(pool: ThreadPoolExecutor) -> None:
    """A slow cluster slows the reading down, so no lines collect in memory."""
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(9):
            taken.append(item)
            yield item

    flight = in_order(items(), lambda item: item, pool, limit=3, stopped=never)
    assert next(flight) == (0, 0)
    assert taken == [0, 1, 2]
    assert len(list(flight)) == 8


def test_a_stop_reads_no_more_and_completes_the_items_in_flight(pool: ThreadPoolExecutor) -> None:
    stop = threading.Event()
    flight = in_order(range(100), lambda item: item, pool, limit=3, stopped=stop.is_set)
    next(flight)
    stop.set()
    assert [item for item, _ in flight] == [1, 2]


def test_an_error_of_an_item_is_raised_at_its_turn(pool: ThreadPoolExecutor) -> None:
    """The items before it are returned; the later ones are not, so they are not acknowledged."""

    def work(item: int) -> int:
        if item == 2:
            raise InputError("item 2")
        return item

    given = []
    with pytest.raises(InputError, match="item 2"):
        given += [item for item, _ in in_order(range(9), work, pool, limit=4, stopped=never)]
    flight = in_order(range(9), work, pool, limit=4, stopped=never)
    assert [next(flight)[0], next(flight)[0]] == [0, 1]
    with pytest.raises(InputError, match="item 2"):
        next(flight)
    assert list(flight) == []


def test_an_error_of_the_reader_comes_after_the_earlier_items(pool: ThreadPoolExecutor) -> None:
    """A line that is too long must not lose the lines before it."""

    def items() -> Iterator[int]:
        yield from range(2)
        raise InputError("too long")

    flight = in_order(items(), lambda item: item, pool, limit=4, stopped=never)
    assert [next(flight)[0], next(flight)[0]] == [0, 1]
    with pytest.raises(InputError, match="too long"):
        next(flight)


def test_the_rate_limit_is_kept_on_average_and_a_stop_ends_its_wait() -> None:
    """The first lines are sent at once; a burst does not make up for a pause."""
    limit, few, many = RateLimit(rate=200.0), 20, 10_000
    began = time.monotonic()
    for _ in range(4):
        limit.wait(few)
    assert 0.3 <= time.monotonic() - began < 10
    limit.stop.set()
    began = time.monotonic()
    limit.wait(many)
    limit.wait(1)
    assert time.monotonic() - began < 25
    RateLimit().wait(10**9)
