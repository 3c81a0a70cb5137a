"""Laws of the buffer that sorts late records in."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.windows.in_order import JUMP_S, InOrder

TIMES_S = st.lists(
    st.one_of(
        st.integers(0, 200).map(float),
        st.floats(1000, 1100, allow_nan=False),
        st.sampled_from((-1e9, 5e3, 1e6, 1e6 + 30, 1e9, 4e9)),
    ),
    max_size=80,
)


@settings(max_examples=300, deadline=None)
@given(TIMES_S, st.sampled_from((0.0, 5.0, 65.0)), st.sampled_from((1, 7, 1000)), st.lists(st.integers(0, 80)))
def test_every_record_comes_out_once_and_in_order(
    times_s: list[float], late_s: float, max_held: int, silent_after: list[int]
) -> None:
    """Whatever the clocks do, and also while the source is silent. No more records are held than allowed."""
    order, given_out = InOrder[int](late_s, max_held=max_held), list[tuple[float, int]]()
    for number, time_s in enumerate(times_s):
        given_out += order.push(time_s, number)
        assert number + 1 - len(given_out) <= max_held + 10
        if number in silent_after:
            given_out += order.idle(number * 2.0)
    given_out += order.close()
    assert sorted(number for _, number in given_out) == list(range(len(times_s)))
    windows_s = [at_s for at_s, _ in given_out]
    assert windows_s == sorted(windows_s)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, JUMP_S / 2), st.floats(0, 65.0)), max_size=200))
def test_records_that_are_late_by_less_than_the_delay_come_out_sorted(records: list[tuple[float, float]]) -> None:
    """As if the input had been sorted: each with its own time, and none counted."""
    arriving = [time_s for time_s, delay_s in sorted(records, key=lambda record: record[0] + record[1])]
    order = InOrder[float](65.0)
    given_out = [item for time_s in arriving for item in order.push(time_s, time_s)] + order.close()
    assert given_out == [(time_s, time_s) for time_s in sorted(arriving)]
    assert (order.late, order.off, order.early, order.set_back) == (0, 0, 0, 0)
