"""The incremental windows compared with the definitions, which are computed here slowly and plainly."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from contract.kdd99.columns import COLUMNS
from sensor.connection import REJECT_ERRORS, SYN_ERRORS, Connection
from sensor.features import Columns, FeatureExtractor

HOSTS = ("10.0.0.9", "10.0.0.10", "10.0.0.11", "10.0.1.1", "fe80::1")
SERVICES = (("http", 80), ("smtp", 25), ("private", 600), ("private", 601), ("other", 7000))
FLAGS = ("SF", "S0", "S1", "S2", "S3", "SH", "REJ", "RSTO", "RSTR", "RSTOS0", "OTH")


@st.composite
def traffic(draw: st.DrawFn) -> list[Connection]:
    """Up to 60 connections among few hosts and services, in order of time, many at the same moment."""
    now_s, connections = 0.0, []
    for _ in range(draw(st.integers(1, 60))):
        now_s += draw(st.sampled_from((0.0, 0.0, 0.25, 0.5, 1.0, 2.0, 3.0)))
        service, port = draw(st.sampled_from(SERVICES))
        connections.append(
            Connection(
                started_s=now_s,
                source="10.9.9.9",
                source_port=draw(st.sampled_from((20, 1024, 1025))),
                destination=draw(st.sampled_from(HOSTS)),
                destination_port=port,
                protocol_type="tcp",
                service=service,
                flag=draw(st.sampled_from(FLAGS)),
            )
        )
    return connections


def share(part: int, whole: int) -> float:
    return float(f"{part / whole:.2f}")


def failed(window: list[Connection], states: frozenset[str]) -> float:
    return share(sum(item.flag in states for item in window), len(window))


def different(keys: list[str]) -> float:
    return 0.0 if len(set(keys)) == 1 else share(len(set(keys)), len(keys))


def by_definition(past: list[Connection], *, recent: int, history: int) -> Columns:
    """The 19 window columns of the last connection of `past`."""
    me = past[-1]
    window = [item for item in past if me.started_s - item.started_s <= 2.0][-recent:]
    host = [item for item in window if item.destination == me.destination]
    service = [item for item in window if item.service_key == me.service_key]
    by_host = sorted(past, key=lambda item: (ip_address(item.destination).version, int(ip_address(item.destination))))
    last = max(index for index, item in enumerate(by_host) if item is me)
    lookback = by_host[: last + 1][-history:]
    old_host = [item for item in lookback if item.destination == me.destination]
    old_service = [item for item in lookback if item.service_key == me.service_key]
    return (
        len(host),
        len(service),
        failed(host, SYN_ERRORS),
        failed(service, SYN_ERRORS),
        failed(host, REJECT_ERRORS),
        failed(service, REJECT_ERRORS),
        share(sum(item.service_key == me.service_key for item in host), len(host)),
        different([item.service_key for item in host]),
        different([item.destination for item in service]),
        len(old_host),
        len(old_service),
        share(sum(item.service_key == me.service_key for item in old_host), len(old_host)),
        different([item.service_key for item in old_host]),
        share(sum(item.source_port == me.source_port for item in old_host), len(old_host)),
        different([item.destination for item in old_service]),
        failed(old_host, SYN_ERRORS),
        failed(old_service, SYN_ERRORS),
        failed(old_host, REJECT_ERRORS),
        failed(old_service, REJECT_ERRORS),
    )


@settings(max_examples=150, deadline=None)
@given(traffic(), st.integers(1, 12), st.integers(1, 12))
def test_incremental_windows_equal_the_definitions(connections: list[Connection], recent: int, history: int) -> None:
    """Adding and removing counts gives the same as looking at every earlier connection, for windows of any size."""
    extractor = FeatureExtractor(recent_connections=recent, history_connections=history)
    for index, connection in enumerate(connections):
        expected = by_definition(connections[: index + 1], recent=recent, history=history)
        assert extractor.observe(connection)[22:] == expected


@settings(max_examples=50, deadline=None)
@given(traffic())
def test_full_size_windows_equal_the_definitions(connections: list[Connection]) -> None:
    """The same with the sizes that KDD used."""
    extractor = FeatureExtractor()
    for index, connection in enumerate(connections):
        expected = by_definition(connections[: index + 1], recent=511, history=255)
        assert extractor.observe(connection)[22:] == expected


@settings(max_examples=50, deadline=None)
@given(traffic())
def test_rates_are_shares_with_two_decimals_that_agree_with_their_counts(connections: list[Connection]) -> None:
    """Rates are whole hundredths in [0, 1], a count includes the connection itself, and shares of services agree."""
    extractor = FeatureExtractor()
    for connection in connections:
        row = dict(zip(COLUMNS, extractor.observe(connection), strict=True))
        for name, value in row.items():
            if name.endswith("_rate"):
                assert isinstance(value, float)
                assert 0.0 <= value <= 1.0
                assert value == round(value, 2)
        for count, same, diff in (
            ("count", "same_srv_rate", "diff_srv_rate"),
            ("dst_host_count", "dst_host_same_srv_rate", "dst_host_diff_srv_rate"),
        ):
            assert int(row[count]) >= 1
            assert (row[diff] == 0.0) == (row[same] == 1.0)
        assert int(row["dst_host_srv_count"]) <= 255
