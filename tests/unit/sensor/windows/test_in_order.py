"""The buffer that sorts late records in, case by case."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from contract.errors import InputError
from sensor.windows.in_order import InOrder

YEARS_S = 3e8


def pushed(order: InOrder[float], *times_s: float) -> list[tuple[float, float]]:
    """What comes out, as (time in the windows, own time)."""
    return [item for time_s in times_s for item in order.push(time_s, time_s)]


def test_a_late_record_is_sorted_in_and_records_wait_for_it() -> None:
    """Nothing comes out before it is older than the newest record by the delay."""
    order = InOrder[float](65.0)
    assert pushed(order, 100, 150, 120, 164) == []
    assert pushed(order, 165) == [(100, 100)]
    assert pushed(order, 185) == [(120, 120)]
    assert order.close() == [(150, 150), (164, 164), (165, 165), (185, 185)]
    assert order.late == 0


def test_records_of_the_same_time_keep_their_order() -> None:
    order = InOrder[str](1.0)
    given = [item for name in "abc" for item in order.push(5.0, name)]
    assert given + order.close() == [(5.0, "a"), (5.0, "b"), (5.0, "c")]


def test_a_record_whose_place_has_passed_gets_the_time_of_the_last_one() -> None:
    """It is counted, and not lost."""
    order = InOrder[float](10.0)
    assert pushed(order, 100, 200) == [(100, 100)]
    assert pushed(order, 50) == [(100, 50)]
    assert (order.late, order.close()) == (1, [(200, 200)])


@pytest.mark.parametrize("wrong_s", [YEARS_S, -YEARS_S])
def test_one_record_with_a_wrong_clock_changes_nothing_for_the_others(wrong_s: float) -> None:
    """It gets the time of the newest record. The records after it are not late."""
    order = InOrder[float](10.0)
    times_s = [1000.0, 1001.0, 1000.0 + wrong_s, 1002.0, 1003.0]
    given = pushed(order, *times_s) + order.close()
    assert given == [(1000, 1000), (1001, 1001), (1001, 1000 + wrong_s), (1002, 1002), (1003, 1003)]
    assert (order.off, order.late, order.set_back) == (1, 0, 0)


@pytest.mark.parametrize("wrong_s", [YEARS_S, -YEARS_S])
def test_a_wrong_clock_in_the_first_record_is_outvoted(wrong_s: float) -> None:
    """Two records that agree outnumber the first. The times in the windows grow, as far apart as the records."""
    order = InOrder[float](10.0)
    given = pushed(order, 1000 + wrong_s, 1000, 1001, 1003, 1020) + order.close()
    assert [own for _, own in given] == [1000 + wrong_s, 1000, 1001, 1003, 1020]
    windows_s = [at_s for at_s, _ in given]
    assert windows_s == sorted(windows_s)
    assert [at_s - windows_s[1] for at_s in windows_s[1:]] == [0, 1, 3, 20]
    assert (order.off, order.late, order.set_back) == (0, 0, int(wrong_s > 0))


def test_two_clocks_in_turn_do_not_make_each_other_late() -> None:
    """One of two sensors is five hours ahead: its records get the time of the other's, and nobody waits."""
    order = InOrder[float](10.0)
    times_s = [1000.0 + number + (18_000 if number % 2 else 0) for number in range(100)]
    given = pushed(order, *times_s)
    assert len(given) > 80
    assert {at_s for at_s, _ in given} <= {1000.0 + number for number in range(0, 100, 2)}
    assert order.late == 0


def test_after_a_quiet_night_the_clock_is_believed() -> None:
    """Ten records that agree are enough, and each keeps its own time."""
    order = InOrder[float](10.0)
    evening, morning = [1000.0 + number for number in range(50)], [40_000.0 + number for number in range(30)]
    given = pushed(order, *evening, *morning)
    assert given == [(time_s, time_s) for time_s in evening + morning[:20]]
    assert (order.off, order.late) == (0, 0)


def test_the_last_records_after_a_long_gap_keep_their_time() -> None:
    """At the end of a file two records are enough: nothing contradicts them."""
    order = InOrder[float](10.0)
    given = pushed(order, *range(1000, 1020), 40_000, 40_001) + order.close()
    assert given[-2:] == [(40_000, 40_000), (40_001, 40_001)]


def test_after_the_clock_is_set_back_times_in_the_windows_go_on_growing() -> None:
    """As when files are read in the wrong order: gaps stay as they are, so no flood appears where there was none."""
    order = InOrder[float](10.0)
    given = pushed(order, *range(100_000, 100_050), *range(1000, 1100)) + order.close()
    windows_s = [at_s for at_s, _ in given]
    assert [own for _, own in given] == [*range(100_000, 100_050), *range(1000, 1100)]
    assert [later - earlier for earlier, later in pairwise(windows_s[50:])] == [1] * 99
    assert (order.set_back, order.late, order.off) == (1, 0, 0)


def test_a_silent_source_gives_its_last_records_out() -> None:
    """The delay passes on the wall clock too. A record that comes afterwards is still sorted in where it can be."""
    order = InOrder[float](65.0)
    assert pushed(order, 100, 130) == []
    assert order.idle(30.0) == []
    assert order.idle(40.0) == [(100, 100)]
    assert pushed(order, 110) == []
    assert order.idle(65.0) == [(110, 110), (130, 130)]
    assert order.late == 0


def test_a_single_record_after_a_long_gap_comes_out_when_nothing_contradicts_it() -> None:
    order = InOrder[float](65.0)
    pushed(order, *range(1000, 1020))
    pushed(order, 40_000)
    assert order.idle(65.0)[-1] == (40_000, 40_000)


def test_memory_is_bounded_by_giving_the_oldest_out_early() -> None:
    """Each that comes out before its delay is over is counted."""
    order = InOrder[float](65.0, max_held=3)
    assert pushed(order, 5, 4, 3, 2, 1) == [(2, 2), (2, 1)]
    assert (order.early, order.late) == (2, 1)
    assert order.close() == [(3, 3), (4, 4), (5, 5)]


@pytest.mark.parametrize("time_s", [math.nan, math.inf, -math.inf])
def test_a_time_that_is_no_number_is_refused(time_s: float) -> None:
    with pytest.raises(InputError, match="expected a time in seconds"):
        InOrder[str]().push(time_s, "x")
