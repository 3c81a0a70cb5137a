"""Fields of documents that are computed in a fast way, beside the usual one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import communityid
from hypothesis import given
from hypothesis import strategies as st

from contract.kdd99.columns import COLUMNS
from sensor.flow import Flow
from sensor.flow_documents import community_id, document_of
from sensor.stream import Sensed

ADDRESSES = st.one_of(st.ip_addresses(v=4), st.sampled_from(("10.0.0.1", "10.0.0.2"))).map(str)
ADDRESSES_6 = st.one_of(st.ip_addresses(v=6), st.sampled_from(("fe80::1", "fe80::2"))).map(str)
PORTS = st.one_of(st.integers(0, 65_535), st.integers(0, 150))
MAKE: dict[str, Any] = {
    "tcp": communityid.FlowTuple.make_tcp,
    "udp": communityid.FlowTuple.make_udp,
    "icmp": communityid.FlowTuple.make_icmp,
    "icmp6": communityid.FlowTuple.make_icmp6,
}


def flow(**facts: Any) -> Flow:
    return Flow(
        **{
            "uid": "C1",
            "started_s": 1_700_000_000.5,
            "duration_s": None,
            "protocol": "udp",
            "source": "10.0.0.1",
            "source_port": 5353,
            "destination": "10.0.0.2",
            "destination_port": 53,
            "state": "",
            "source_bytes": 0,
            "destination_bytes": None,
            **facts,
        }
    )


@given(
    st.sampled_from(("tcp", "udp", "icmp")),
    st.one_of(st.tuples(ADDRESSES, ADDRESSES), st.tuples(ADDRESSES_6, ADDRESSES_6)),
    PORTS,
    PORTS,
)
def test_the_community_id_is_the_one_that_its_authors_compute(
    protocol: str, ends: tuple[str, str], source_port: int, destination_port: int
) -> None:
    source, destination = ends
    found = community_id(
        flow(
            protocol=protocol,
            source=source,
            source_port=source_port,
            destination=destination,
            destination_port=destination_port,
        )
    )
    make = MAKE["icmp6" if protocol == "icmp" and ":" in source else protocol]
    assert found == communityid.CommunityID().calc(make(source, destination, source_port, destination_port))


@given(st.integers(0, 4_000_000_000_000_000))
def test_times_have_six_digits_of_a_second(microseconds: int) -> None:
    document = document_of(Sensed(flow(started_s=microseconds / 1e6), (0,) * 41, (), ()), observer="here")
    usual = datetime.fromtimestamp(microseconds / 1e6, UTC).isoformat(timespec="microseconds")
    assert document["@timestamp"] == usual.replace("+00:00", "Z")


@given(st.sets(st.sampled_from(COLUMNS)))
def test_what_the_source_does_not_know_is_absent(names: set[str]) -> None:
    """A zero that the source knows is there; what is None or empty is not, nor a group of fields without any."""
    unavailable = tuple(name for name in COLUMNS if name in names)
    document = document_of(Sensed(flow(), tuple(range(41)), unavailable, ()), observer="here")
    assert document["kdd99"] == {name: place for place, name in enumerate(COLUMNS) if name not in names}
    assert document["source"] == {"ip": "10.0.0.1", "port": 5353, "bytes": 0}
    assert document["destination"] == {"ip": "10.0.0.2", "port": 53}
    assert "duration" not in document["event"]
    assert {"zeek", "user"}.isdisjoint(document)
    assert document.get("oversight", {"sensor": {}})["sensor"].get("unavailable", ()) == unavailable
