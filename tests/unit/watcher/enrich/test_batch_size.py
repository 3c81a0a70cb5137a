"""The batch size shrinks after failures and grows after successes; one bad document does not slow the others down."""

from __future__ import annotations

from watcher.enrich.batch_size import GROW_AFTER, BatchSize


def test_a_failing_size_is_halved_down_to_one() -> None:
    pace = BatchSize(10)
    sizes = []
    for _ in range(5):
        pace.failed(pace.size)
        sizes.append(pace.size)
    assert sizes == [5, 2, 1, 1, 1]
    assert pace.cautious


def test_a_size_that_works_for_a_while_is_doubled_up_to_the_page() -> None:
    pace = BatchSize(100)
    pace.failed(100)
    for _ in range(GROW_AFTER):
        assert pace.size == 50
        pace.worked(50)
    assert pace.size == 100
    assert not pace.cautious


def test_a_larger_size_that_fails_again_is_retried_later_each_time() -> None:
    pace = BatchSize(100)
    tries = []
    pace.failed(100)
    pace.failed(50)
    for _ in range(3):
        count = 0
        while pace.size < 50:
            pace.worked(pace.size)
            count += 1
        tries.append(count)
        pace.failed(50)
    assert tries == sorted(set(tries))


def test_the_small_last_batch_of_a_page_does_not_count() -> None:
    pace = BatchSize(100)
    pace.failed(100)
    for _ in range(10 * GROW_AFTER):
        pace.worked(3)
    assert pace.size == 50


def test_a_single_bad_document_does_not_shrink_the_batch_size() -> None:
    """Of 8 documents the last one is bad: the halves before it succeeded."""
    pace = BatchSize(8)
    pace.new_page()
    pace.failed(8)
    pace.worked(4)
    pace.failed(4)
    pace.worked(2)
    pace.failed(2)
    pace.worked(1)
    pace.failed(1)
    pace.single_document_failed()
    assert pace.size == 4


def test_a_batch_over_the_limit_of_the_service_is_retried_in_the_next_round() -> None:
    pace = BatchSize(20)
    pace.refused(20)
    assert pace.size == 10
    assert not pace.cautious
    pace.new_round()
    assert pace.size == 20
