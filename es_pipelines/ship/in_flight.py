"""Several bulk requests at a time, settled in the order of their lines, and no faster than asked for.

    batches ──▶ at most `limit` at work in threads ──▶ (batch, outcomes), the first batch first
      ▲
      └── the next one is made when a place is free: a slow cluster slows the reading down

What is acknowledged never has a gap: a later batch may be stored before an earlier one, and waits for it all the same.
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
    """Each item with what the work gave for it, in their order.

    Args:
        items: taken one by one; where making the next one raises an InputError, what came before is settled first.
        work: done in a thread; what it raises is raised at its item's turn, and nothing after it is given.
        pool: where the threads come from.
        limit: so many items are at work at most.
        stopped: asked before an item is taken; then only what is at work is settled.
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
class Pace:
    """At most so many lines a second, on average since the last pause."""

    rate: float | None = None
    """Lines a second; None: as fast as it goes."""
    stop: threading.Event = field(default_factory=threading.Event)
    _next: float = 0.0

    def wait(self, count: int) -> None:
        """Wait until `count` more lines may go, or until asked to stop."""
        if self.rate is None:
            return
        now = time.monotonic()
        self._next = max(self._next, now)
        self.stop.wait(self._next - now)
        self._next += count / self.rate
