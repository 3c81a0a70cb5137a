"""Run several bulk requests at a time, and settle them in the order of their lines. Also limits the rate.

    batches ──▶ up to `limit` at work in threads ──▶ (batch, outcomes), the first batch first
      ▲
      └── the next batch is made when a place is free: a slow cluster slows down the reading

Acknowledged lines never have a gap: if a later batch is stored before an earlier one, it still waits for it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TypeVar

from contract.errors import InputError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_order(
    items: Iterable[_Item],
    work: Callable[[_Item], _Result],
    pool: Executor,
    *,
    limit: int,
    stopped: Callable[[], bool],
) -> Iterator[tuple[_Item, _Result]]:
    """Each item with the result of its work, in order.

    Args:
        items: taken one by one. If making the next item raises an InputError, the earlier ones are settled first.
        work: runs in a thread. Its exception is raised at the item's turn, and no later item is returned.
        pool: provides the threads.
        limit: largest number of items at work.
        stopped: checked before an item is taken. If true, only the items at work are settled.
    """
    waiting: deque[tuple[_Item, Future[_Result]]] = deque()
    source, error, more = iter(items), None, True
    try:
        while more and not stopped():
            try:
                item = next(source)
            except StopIteration:
                more = False
            except InputError as problem:
                error, more = problem, False
            else:
                waiting.append((item, pool.submit(work, item)))
            if len(waiting) == limit:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)
    finally:
        for _, future in waiting:
            future.cancel()
    if error is not None:
        raise error


def _first(waiting: deque[tuple[_Item, Future[_Result]]]) -> tuple[_Item, _Result]:
    item, future = waiting.popleft()
    return item, future.result()


@dataclass(slots=True)
class RateLimit:
    """Limits the average number of lines per second since the last pause."""

    rate: float | None = None
    """Lines per second; None means no limit."""
    stop: threading.Event = field(default_factory=threading.Event)
    _next: float = 0.0

    def wait(self, count: int) -> None:
        """Wait until `count` more lines are allowed, or until asked to stop."""
        if self.rate is None:
            return
        now = time.monotonic()
        self._next = max(self._next, now)
        self.stop.wait(self._next - now)
        self._next += count / self.rate
