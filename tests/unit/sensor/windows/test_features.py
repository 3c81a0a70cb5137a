"""The two windows, with expected values computed by hand."""

from __future__ import annotations

from typing import Any

import pytest

from contract.errors import InputError
from contract.kdd99.columns import COLUMNS
from sensor.connection import Connection
from sensor.windows.features import FeatureExtractor, csv_line
from sensor.windows.history import HostHistory
from sensor.windows.tally import ONE

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"


def to(host: str, at_s: float, service: str = "http", port: int = 80, flag: str = "SF", **facts: Any) -> Connection:
    facts.setdefault("source_port", 1025)
    return Connection(
        started_s=at_s,
        ended_s=at_s,
        source="10.0.9.9",
        destination=host,
        destination_port=port,
        protocol_type="tcp",
        service=service,
        flag=flag,
        **facts,
    )


DOZEN = (
    to(A, 0.0),
    to(A, 0.5),
    to(A, 1.0, "smtp", 25),
    to(B, 1.0, flag="S0"),
    to(A, 2.5, source_port=1026),
    to(A, 2.6, "private", 600, flag="REJ"),
    to(A, 2.7, "private", 601, flag="REJ"),
    to(B, 2.9),
    to(B, 9.0, "smtp", 25, flag="RSTO"),
    to(C, 9.5, "smtp", 25),
    to(C, 9.5, "smtp", 25, flag="S1"),
    to(A, 9.6, "smtp", 25),
)
# count srv_count serror srv_serror rerror srv_rerror same_srv diff_srv srv_diff_host |
# host srv same_srv diff_srv same_src_port srv_diff_host serror srv_serror rerror srv_rerror
BY_HAND = """
1,1,0.00,0.00,0.00,0.00,1.00,0.00,0.00,1,1,1.00,0.00,1.00,0.00,0.00,0.00,0.00,0.00
2,2,0.00,0.00,0.00,0.00,1.00,0.00,0.00,2,2,1.00,0.00,1.00,0.00,0.00,0.00,0.00,0.00
3,1,0.00,0.00,0.00,0.00,0.33,0.67,0.00,3,1,0.33,0.67,1.00,0.00,0.00,0.00,0.00,0.00
1,3,1.00,0.33,0.00,0.00,1.00,0.00,0.67,1,3,1.00,0.00,1.00,0.67,1.00,0.33,0.00,0.00
3,3,0.00,0.33,0.00,0.00,0.67,0.67,0.67,4,3,0.75,0.50,0.25,0.00,0.00,0.00,0.00,0.00
3,1,0.00,0.00,0.33,1.00,0.33,1.00,0.00,5,1,0.20,0.60,0.80,0.00,0.00,0.00,0.20,1.00
4,1,0.00,0.00,0.50,1.00,0.25,1.00,0.00,6,1,0.17,0.67,0.83,0.00,0.00,0.00,0.33,1.00
2,3,0.50,0.33,0.00,0.00,1.00,0.00,0.67,2,5,1.00,0.00,1.00,0.40,0.50,0.20,0.00,0.00
1,1,0.00,0.00,1.00,1.00,1.00,0.00,0.00,3,2,0.33,0.67,1.00,1.00,0.33,0.00,0.33,0.50
1,2,0.00,0.00,0.00,0.50,1.00,0.00,1.00,1,3,1.00,0.00,1.00,1.00,0.00,0.00,0.00,0.33
2,3,0.50,0.33,0.00,0.33,1.00,0.00,0.67,2,4,1.00,0.00,1.00,0.75,0.50,0.25,0.00,0.25
1,4,0.00,0.25,0.00,0.25,1.00,0.00,0.75,7,2,0.29,0.57,0.86,0.00,0.00,0.00,0.29,0.00
""".strip().splitlines()


def test_a_dozen_connections_have_the_windows_computed_by_hand() -> None:
    """Two hosts that fail in different ways and a third above them: each rule of the two windows applies once."""
    extractor = FeatureExtractor()
    assert [csv_line(extractor.observe(connection)[22:]) for connection in DOZEN] == BY_HAND


@pytest.mark.parametrize("age_s", [2.0, 2.001])
def test_a_connection_leaves_the_first_window_after_two_seconds(age_s: float) -> None:
    """After two seconds it still counts, a millisecond later it does not. The other window keeps it."""
    extractor = FeatureExtractor()
    extractor.observe(to(A, 0.0))
    row = dict(zip(COLUMNS, extractor.observe(to(A, age_s)), strict=True))
    assert row["count"] == (2 if age_s <= 2.0 else 1)
    assert row["dst_host_count"] == 2


def test_a_flood_stops_at_511_and_255() -> None:
    """Both windows also have a limit on the number of connections, the current one included."""
    extractor = FeatureExtractor()
    counts = [extractor.observe(to(A, index / 1000)) for index in range(600)]
    by_name = [dict(zip(COLUMNS, columns, strict=True)) for columns in counts]
    assert [row["count"] for row in by_name] == [min(511, number) for number in range(1, 601)]
    assert [row["srv_count"] for row in by_name][-1] == 511
    assert [row["dst_host_count"] for row in by_name] == [min(255, number) for number in range(1, 601)]


def test_the_bound_of_511_holds_for_all_hosts_together() -> None:
    """In the data `count + srv_count` less their overlap never exceeds 511: the window is one, not one for each
    host.
    """
    extractor = FeatureExtractor()
    for index in range(600):
        extractor.observe(to(A, index / 1000))
    row = dict(zip(COLUMNS, extractor.observe(to(B, 0.6)), strict=True))
    assert (row["count"], row["srv_count"]) == (1, 511)
    assert row["srv_diff_host_rate"] == 0.0  # 2 hosts of 511


@pytest.mark.parametrize(
    ("flag", "syn", "reject"),
    [
        ("SF", 0, 0),
        ("OTH", 0, 0),
        ("S0", 1, 0),
        ("S1", 1, 0),
        ("S2", 1, 0),
        ("S3", 1, 0),
        ("SH", 1, 0),
        ("REJ", 0, 1),
        ("RSTO", 0, 1),
        ("RSTR", 0, 1),
        ("RSTOS0", 0, 1),
    ],
)
def test_each_connection_state_counts_in_the_rate_that_kdd_counts_it_in(flag: str, syn: int, reject: int) -> None:
    """A connection alone in its windows shows its own class in all eight error rates."""
    row = dict(zip(COLUMNS, FeatureExtractor().observe(to(A, 0.0, flag=flag)), strict=True))
    assert [row[name] for name in COLUMNS if name.endswith("serror_rate")] == [syn] * 4
    assert [row[name] for name in COLUMNS if name.endswith("rerror_rate")] == [reject] * 4


def test_unnamed_ports_are_services_of_their_own() -> None:
    """A scan of 30 unnamed ports counts as 30 services, although KDD has one name for all of them."""
    extractor = FeatureExtractor()
    row: dict[str, str | int | float] = {}
    for port in range(600, 630):
        row = dict(zip(COLUMNS, extractor.observe(to(A, 0.0, "private", port)), strict=True))
    assert (row["count"], row["srv_count"], row["diff_srv_rate"]) == (30, 1, 1.0)
    assert (row["dst_host_srv_count"], row["dst_host_diff_srv_rate"]) == (1, 1.0)


def test_a_host_that_calls_its_own_port_is_a_land_attack() -> None:
    """`land` follows from the addresses and ports and cannot contradict them."""
    same = Connection(
        started_s=0,
        ended_s=0,
        source=A,
        source_port=79,
        destination=A,
        destination_port=79,
        protocol_type="tcp",
        service="finger",
    )
    assert (same.land, to(A, 0.0).land) == (1, 0)


def test_a_connection_out_of_order_is_refused() -> None:
    """With unordered connections the windows would be silently wrong."""
    extractor = FeatureExtractor()
    extractor.observe(to(A, 5.0))
    with pytest.raises(InputError, match=r"second 4\.0 came after one of second 5\.0; sort .* end"):
        extractor.observe(to(A, 4.0))


def test_rates_are_printed_as_c_prints_them() -> None:
    """1 of 8 is 0.12 in the data and 3 of 8 is 0.38: halves go to the even hundredth."""
    assert csv_line((8, round(1 / 8, 2), round(3 / 8, 2), round(1 / 40, 2), "http")) == "8,0.12,0.38,0.03,http"


def test_the_host_that_was_silent_longest_is_forgotten_first() -> None:
    """The number of hosts is limited; a host that was dropped starts again."""
    history = HostHistory(max_hosts=2)

    def count(host: str) -> int | float:
        return history.add(host, "http", ONE, 1025)[0]

    assert [count(host) for host in (A, B, A, C, A, B)] == [1, 1, 2, 1, 3, 1]
