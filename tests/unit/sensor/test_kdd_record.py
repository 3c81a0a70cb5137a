"""A flow as KDD counts it."""

from __future__ import annotations

from typing import Any

import pytest

from contract.kdd99.columns import COLUMNS, CONTENT
from sensor.flow import Flow
from sensor.kdd_record import ERROR_RATES, LOGS_LACK, WINDOWS, record_of

STATELESS_LOGS_LACK = ("flag", *LOGS_LACK, *ERROR_RATES)
"""What flow records without the states of TCP do not know, such as those of Packetbeat."""


def flow(**facts: Any) -> Flow:
    return Flow(
        **{
            "uid": "C1",
            "started_s": 1000.0,
            "duration_s": 2.75,
            "protocol": "tcp",
            "source": "10.0.0.9",
            "source_port": 40000,
            "destination": "10.0.0.1",
            "destination_port": 80,
            "state": "SF",
            "source_bytes": 200,
            "destination_bytes": 5000,
            "source_packets": 5,
            "destination_packets": 6,
            **facts,
        }
    )


def icmp(kind: int, code: int, **facts: Any) -> Flow:
    return flow(protocol="icmp", source_port=kind, destination_port=code, state="OTH", **facts)


@pytest.mark.parametrize(("state", "flag"), [("SHR", "SH"), ("RSTRH", "RSTR"), ("OTH", "OTH"), ("REJ", "REJ")])
def test_tcps_flag_is_zeeks_state(state: str, flag: str) -> None:
    assert record_of(flow(state=state)).connection.flag == flag


@pytest.mark.parametrize("state", ["S0", "SHR", "SF"])
def test_udp_is_always_sf(state: str) -> None:
    record = record_of(flow(protocol="udp", destination_port=53, state=state))
    assert (record.connection.flag, record.connection.service) == ("SF", "domain_u")


def test_the_duration_has_whole_seconds_and_the_windows_take_the_end() -> None:
    record = record_of(flow())
    assert record.connection.duration == 2
    assert (record.connection.started_s, record.connection.ended_s) == (1000.0, 1002.75)
    assert record_of(flow(), 1003.5).connection.ended_s == 1003.5


@pytest.mark.parametrize(
    ("port", "source_port", "application", "service"),
    [
        (80, 40000, "http", "http"),
        (8080, 40000, "http", "other"),
        (80, 40000, "ssh", "http"),
        (40000, 20, "", "ftp_data"),
        (40000, 40001, "ftp-data", "other"),
        (600, 40000, "", "private"),
    ],
)
def test_the_service_is_the_destinations_port(port: int, source_port: int, application: str, service: str) -> None:
    """KDD's names follow the port: `http_8001` and `http_443` are names of their own."""
    found = flow(destination_port=port, source_port=source_port, application=application)
    assert record_of(found).connection.service == service


@pytest.mark.parametrize(
    ("kind", "code", "source", "service"),
    [
        (8, 0, "10.0.0.9", "eco_i"),
        (0, 8, "10.0.0.9", "ecr_i"),
        (3, 3, "10.0.0.9", "urp_i"),
        (3, 1, "10.0.0.9", "urh_i"),
        (3, 0, "10.0.0.9", "icmp"),
        (11, 0, "10.0.0.9", "tim_i"),
        (5, 1, "10.0.0.9", "red_i"),
        (13, 14, "10.0.0.9", "icmp"),
        (128, 129, "fe80::1", "eco_i"),
        (129, 128, "fe80::1", "ecr_i"),
        (1, 4, "fe80::1", "urp_i"),
        (3, 0, "fe80::1", "tim_i"),
    ],
)
def test_the_service_of_icmp_is_its_type(kind: int, code: int, source: str, service: str) -> None:
    connection = record_of(icmp(kind, code, source=source)).connection
    assert (connection.service, connection.flag, connection.duration, connection.dst_bytes) == (service, "SF", 0, 0)


def test_one_icmp_message_is_known_exactly() -> None:
    """Smurf's 1032 bytes are 1024 and the header of 8."""
    record = record_of(icmp(0, 8, source_bytes=1024, destination_bytes=0, source_packets=1, destination_packets=0))
    assert record.connection.src_bytes == 1032
    assert record.approximate == ()
    assert record.unavailable == LOGS_LACK


def test_several_messages_of_a_log_name_what_they_cannot_know() -> None:
    """They are a connection each in KDD, so every window misses some, and the last may be an answer."""
    record = record_of(icmp(8, 0, source_bytes=280, destination_bytes=280, source_packets=5, destination_packets=5))
    assert record.connection.src_bytes == 56 + 8
    assert record.approximate == tuple(c for c in COLUMNS if c in {"service", "src_bytes", *WINDOWS})
    asked_once = record_of(icmp(8, 0, source_bytes=56, destination_bytes=56, source_packets=1, destination_packets=1))
    assert asked_once.approximate == tuple(c for c in COLUMNS if c in {"service", *WINDOWS})


def test_the_messages_of_a_capture_are_known_exactly() -> None:
    known = {"wrong_fragments": 0, "urgent": 0}
    message = record_of(icmp(8, 0, source_bytes=56, source_packets=1, destination_packets=0, message_of="C1", **known))
    whole = record_of(icmp(8, 0, source_packets=5, destination_packets=5, has_messages=True, **known))
    assert message.approximate == whole.approximate == ()
    assert message.unavailable == CONTENT


def test_captures_know_fragments_and_urgent_packets() -> None:
    record = record_of(flow(wrong_fragments=3, urgent=1))
    assert (record.connection.wrong_fragment, record.connection.urgent) == (3, 1)
    assert record.unavailable == CONTENT


def test_what_the_source_does_not_say_is_unavailable() -> None:
    """Never a silent zero."""
    record = record_of(flow(state="", source_bytes=None, destination_bytes=None))
    assert set(record.unavailable) == {*STATELESS_LOGS_LACK, "src_bytes", "dst_bytes"}
    udp = record_of(flow(protocol="udp", state=""))
    assert set(udp.unavailable) == {*LOGS_LACK, *ERROR_RATES}


def test_without_an_end_the_windows_are_approximate() -> None:
    record = record_of(flow(duration_s=None))
    assert "duration" in record.unavailable
    assert record.approximate == WINDOWS


def test_an_uncertain_flag_makes_the_error_rates_uncertain() -> None:
    record = record_of(flow(approximate=frozenset({"src_bytes", "dst_bytes", "flag"})))
    assert record.approximate == tuple(c for c in COLUMNS if c in {"flag", "src_bytes", "dst_bytes", *ERROR_RATES})


def test_a_host_that_talks_to_itself_is_land() -> None:
    here = {"source": "10.0.0.1", "source_port": 80}
    assert [record_of(flow(**facts)).connection.land for facts in (here, {})] == [1, 0]
