"""The engine compared with the definitions, which `literal.py` computes slowly and plainly."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.kdd99.columns import COLUMNS
from sensor.connection import Connection
from sensor.windows.explain import GROUPS
from sensor.windows.features import FeatureExtractor
from tests.property.sensor.windows.literal import Literal

HOSTS = ("10.0.0.9", "10.0.0.10", "10.0.0.11", "10.0.1.1", "fe80::1", "2001:db8::2", "2001:db8::10")
SERVICES = (("http", 80), ("smtp", 25), ("private", 600), ("private", 601), ("other", 7000))
FLAGS = ("SF", "S0", "S1", "S2", "S3", "SH", "REJ", "RSTO", "RSTR", "RSTOS0", "OTH")
GAPS_S = (0.0, 0.0, 0.25, 0.5, 1.0, 2.0, 3.0)


def connection(now_s: float, host: str, service: tuple[str, int], flag: str, source_port: int) -> Connection:
    return Connection(
        started_s=now_s,
        ended_s=now_s,
        source="10.9.9.9",
        source_port=source_port,
        destination=host,
        destination_port=service[1],
        protocol_type="tcp",
        service=service[0],
        flag=flag,
    )


@st.composite
def traffic(draw: st.DrawFn) -> list[Connection]:
    """Up to 60 connections among few hosts and services, in order of time, many at the same moment."""
    now_s, connections = 0.0, []
    for _ in range(draw(st.integers(1, 60))):
        now_s += draw(st.sampled_from(GAPS_S))
        host, service, flag = (
            draw(st.sampled_from(HOSTS)),
            draw(st.sampled_from(SERVICES)),
            draw(st.sampled_from(FLAGS)),
        )
        connections.append(connection(now_s, host, service, flag, draw(st.sampled_from((20, 1024, 1025)))))
    return connections


def many(seed: int, *, length: int, hosts: int, gaps_s: Sequence[float]) -> list[Connection]:
    """Traffic to many hosts of both IP versions, a few of which get most of it."""
    chance = random.Random(seed)
    addresses = [f"10.0.{number // 7}.{number % 7}" for number in range(hosts // 2)]
    addresses += [f"2001:db8::{number:x}" for number in range(hosts - hosts // 2)]
    chance.shuffle(addresses)
    now_s, connections = 1.7e9, []
    for _ in range(length):
        now_s += chance.choice(gaps_s)
        host = addresses[int(hosts * chance.random() ** 3)]
        service = chance.choice((*SERVICES, ("http", 80), ("http", 80)))
        connections.append(connection(now_s, host, service, chance.choice(FLAGS), chance.choice((20, 1024, 1025))))
    return connections


@settings(max_examples=150, deadline=None)
@given(traffic(), st.integers(1, 12), st.integers(1, 12))
def test_incremental_windows_equal_the_definitions(connections: list[Connection], recent: int, history: int) -> None:
    """Adding and removing counts gives the same as looking at every earlier connection, for windows of any size."""
    extractor = FeatureExtractor(recent_connections=recent, history_connections=history)
    literal = Literal(recent=recent, history=history)
    for item in connections:
        assert extractor.observe(item)[22:] == literal.observe(item)


@settings(max_examples=50, deadline=None)
@given(traffic())
def test_full_size_windows_equal_the_definitions(connections: list[Connection]) -> None:
    """The same with the sizes that KDD used."""
    extractor, literal = FeatureExtractor(), Literal()
    for item in connections:
        assert extractor.observe(item)[22:] == literal.observe(item)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from((40, 90, 200)), st.sampled_from((5, 30, 255)))
def test_windows_over_many_hosts_equal_the_definitions(seed: int, hosts: int, history: int) -> None:
    """Hosts come in any order, so that blocks of hosts fill up and split, and a window reaches over several of them."""
    extractor, literal = FeatureExtractor(history_connections=history), Literal(history=history)
    for item in many(seed, length=400, hosts=hosts, gaps_s=(0.0, 0.001, 0.01, 0.3)):
        assert extractor.observe(item)[22:] == literal.observe(item)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from((1, 3, 20, 60)), st.sampled_from((5, 255)))
def test_windows_equal_the_definitions_while_hosts_are_forgotten(seed: int, max_hosts: int, history: int) -> None:
    """With more hosts than are remembered, hosts come and go all the time; blocks of hosts split, shrink and join."""
    extractor = FeatureExtractor(history_connections=history, max_hosts=max_hosts)
    literal = Literal(history=history, max_hosts=max_hosts)
    for item in many(seed, length=400, hosts=150, gaps_s=(2.5, 3.0)):
        assert extractor.observe(item)[22:] == literal.observe(item)


@settings(max_examples=20, deadline=None)
@given(traffic(), st.sampled_from((3, 255)), st.sampled_from((2, 10_000)))
def test_explained_connections_are_those_that_the_columns_count(
    connections: list[Connection], history: int, max_hosts: int
) -> None:
    """Every group of the explanation has the connections of the definition, and as many as its column says."""
    extractor = FeatureExtractor(history_connections=history, max_hosts=max_hosts, explain=True)
    literal = Literal(history=history)
    for item in connections:
        row = dict(zip(COLUMNS, extractor.observe(item), strict=True))
        explained = extractor.explain()
        for name, group in GROUPS.items():
            assert len(explained[name]) == row[group.columns[0]]
            assert explained[name][-1] is item
        if max_hosts > len(HOSTS):
            literal.observe(item)
            assert explained == literal.groups()


def test_every_window_column_is_in_one_group_of_the_explanation() -> None:
    assert sorted(name for group in GROUPS.values() for name in group.columns) == sorted(COLUMNS[22:])


def test_without_being_asked_nothing_is_kept_to_explain() -> None:
    with pytest.raises(ValueError, match="explain=True"):
        FeatureExtractor().explain()


@settings(max_examples=50, deadline=None)
@given(traffic())
def test_rates_are_shares_with_two_decimals_that_agree_with_their_counts(connections: list[Connection]) -> None:
    """Rates are whole hundredths in [0, 1], a count includes the connection itself, and shares of services agree."""
    extractor = FeatureExtractor()
    for item in connections:
        check(dict(zip(COLUMNS, extractor.observe(item), strict=True)))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from((1, 4, 40, 800)))
def test_the_invariants_hold_in_full_windows(seed: int, hosts: int) -> None:
    """The same for 3,000 connections in a few seconds, more than either window holds."""
    extractor = FeatureExtractor()
    for item in many(seed, length=3000, hosts=hosts, gaps_s=(0.0, 0.001, 0.002)):
        check(dict(zip(COLUMNS, extractor.observe(item), strict=True)))


def check(row: dict[str, str | int | float]) -> None:
    """What holds in every row of KDD too; docs/decisions/0002-kdd-windows.md has the evidence."""
    for name, value in row.items():
        if name.endswith("_rate"):
            assert isinstance(value, float)
            assert 0.0 <= value <= 1.0
            assert value == round(value, 2)
    for prefix, size in (("", 511), ("dst_host_", 255)):
        count, service_count = int(row[f"{prefix}count"]), int(row[f"{prefix}srv_count"])
        assert 1 <= count <= size
        assert 1 <= service_count <= size
        same = float(row[f"{prefix}same_srv_rate"])
        assert same * count >= 1 - 0.005 * count
        assert count + service_count - (same + 0.005) * count <= size  # connections in both are counted once
        assert service_count >= (same - 0.005) * count - 1e-9
        assert (row[f"{prefix}diff_srv_rate"] == 0.0) == (same == 1.0) or count > 100  # 1 of 300 is 0.00, 299 are 1.00
        for error in ("serror_rate", "srv_serror_rate"):
            assert float(row[prefix + error]) + float(row[prefix + error.replace("serror", "rerror")]) <= 1.01
