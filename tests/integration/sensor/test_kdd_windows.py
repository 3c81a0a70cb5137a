"""The rules of the two windows, on the real rows; the numbers of docs/decisions/0002-kdd-windows.md."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sensor.simulation import simulate
from tests.integration.sensor.kdd_rows import Rows, most_services, refuted, shares


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Rows:
    """The labelled test set, 155,600 rows in their order."""
    return Rows(shared_data / "kdd99" / "corrected-dev.gz")


@pytest.mark.data
def test_every_real_row_obeys_the_rules_that_the_sensor_computes_by(real: Rows) -> None:
    """All rows, not most: a rule with an exception would be a different rule."""
    assert {name: share for name, share in shares(real).items() if share != 1.0} == {}


@pytest.mark.data
def test_rules_often_written_down_do_not_hold(real: Rows) -> None:
    """The `diff` rates are not the rest of the `same` rates, and the host window is not one of arrival."""
    found = refuted(real)
    assert found["diff_srv_rate = 1 - same_srv_rate"] < 0.1
    assert found["srv_diff_host_rate = share of connections to other hosts"] < 0.1
    assert found["neighbouring rows, both with a full host window of mostly their own and different service"] > 1000


@pytest.mark.data
def test_unnamed_ports_are_services_of_their_own(real: Rows) -> None:
    """A window contains several times more services than there are names."""
    most, names = most_services(real)
    assert most > 3 * names


@pytest.mark.data
def test_simulated_rows_obey_what_the_real_rows_obey(real: Rows, tmp_path: Path) -> None:
    """The same checks, on rows of the simulator in a file of the same form."""
    import gzip

    start = datetime(2026, 3, 1, tzinfo=UTC)
    path = tmp_path / "simulated.gz"
    with gzip.open(path, "wt", encoding="ascii") as file:
        file.writelines(f"{record.csv_line(label=True)}\n" for record in simulate(seed=3, start=start, events=5000))
    assert {name: share for name, share in shares(Rows(path)).items() if share != 1.0} == {}
