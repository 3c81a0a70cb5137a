"""Work in a few threads: the results stay in order, and an error ends it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from common.ahead import ahead
from contract.errors import InputError
from tests.waiting import WAIT_S


def test_results_keep_the_order_of_the_things_although_a_later_one_is_ready_first() -> None:
    second_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert second_done.wait(WAIT_S)
        if number == 1:
            second_done.set()
        return number * 10

    assert list(ahead(work, range(5), 2)) == [0, 10, 20, 30, 40]


def test_only_a_few_things_are_taken_ahead() -> None:
    taken: list[int] = []

    def things() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = ahead(lambda number: number, things(), 2)
    assert next(results) == 0
    assert len(taken) == 3


def test_an_error_of_the_work_or_of_the_things_ends_it() -> None:
    def things() -> Iterator[int]:
        yield 1
        yield 0
        raise InputError("there are no more")

    with pytest.raises(InputError, match="no more"):
        list(ahead(lambda number: number, things(), 1))
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda number: 1 / number, [1, 0, 1], 1))
