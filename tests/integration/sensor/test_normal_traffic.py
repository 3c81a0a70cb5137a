"""The comparison of KDD's normal rows with simulated and captured ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.sensor.normal_traffic import PANELS, captured, distance, draw, of_kdd, simulated, table


def test_the_distance_is_0_for_equal_values_and_1_without_a_common_one() -> None:
    low, high = np.array([1.0, 2.0, 2.0]), np.array([3.0, 4.0])
    assert (distance(low, low), distance(low, high), distance(high, low)) == (0.0, 1.0, 1.0)
    assert distance(low, np.array([2.0])) == pytest.approx(1 / 3)


@pytest.mark.data
def test_simulated_work_stays_near_kdds_normal_rows(shared_data: Path) -> None:
    """In every column that needs no content: a change of scenarios or windows that moves one away shows here."""
    kinds = {
        "KDD": of_kdd(shared_data / "kdd99" / "kddcup.data_10_percent.gz"),
        "simulated": simulated(),
        "captured": captured([shared_data / "zeek" / "http-concurrent-range-requests.pcap"]),
    }
    far = {name: distance(kinds["KDD"][name], kinds["simulated"][name]) for name in PANELS}
    assert max(far.values()) < 0.25, far
    assert len(kinds["captured"]["count"]) == 3
    assert len(table(kinds)) == len(kinds) + 1 + len(PANELS)
    assert draw(kinds).startswith(b"\x89PNG")
