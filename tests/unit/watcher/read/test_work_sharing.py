"""After conflicts a watcher reads slices in its own order; after the last slice it reads everything again."""

from __future__ import annotations

import random

from watcher.read.work_sharing import AT_LEAST, SLICES, Share, is_contended


def test_alone_everything_is_read() -> None:
    share = Share(random.Random(1))
    assert not is_contended(0, 1_000)
    assert share.next_round() is None


def test_the_few_conflicts_with_analysts_change_nothing() -> None:
    assert not is_contended(AT_LEAST - 1, AT_LEAST - 1)
    assert not is_contended(100, 1_000)


def test_many_conflicts_lead_through_every_slice_once_and_back_to_everything() -> None:
    share = Share(random.Random(1))
    assert is_contended(101, 1_000)
    share.split()
    rounds = [share.next_round() for _ in range(SLICES)]
    assert sorted(part for part in rounds if part is not None) == [(number, SLICES) for number in range(SLICES)]
    assert share.next_round() is None


def test_two_watchers_read_the_slices_in_different_orders() -> None:
    orders = []
    for seed in (1, 2):
        share = Share(random.Random(seed))
        share.split()
        orders.append([share.next_round() for _ in range(SLICES)])
    assert orders[0] != orders[1]


def test_a_slice_that_another_watcher_works_on_is_left_for_the_next_one() -> None:
    share = Share(random.Random(1))
    share.split()
    first = share.next_round()
    share.split()
    rest = [share.next_round() for _ in range(SLICES - 1)]
    assert first not in rest
    assert None not in rest


def test_after_a_fault_everything_is_read() -> None:
    """Whatever the fault was: an engine without slices must be read without them."""
    share = Share(random.Random(1))
    share.split()
    share.next_round()
    share.whole()
    assert share.next_round() is None
