"""Do the same work on many things in a few threads, and hand on the results in the order of the things."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def ahead(work: Callable[[Thing], Result], things: Iterable[Thing], threads: int) -> Iterator[Result]:
    """The results of some work, in order; as many things as there are threads are taken ahead of the one handed on.

    Raises:
        BaseException: what `work` or `things` raised; no result after that one is handed on.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for thing in things:
            waiting.append(pool.submit(work, thing))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
