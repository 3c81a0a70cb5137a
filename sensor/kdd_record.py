"""A flow as KDD counts it: its own 22 columns, which of the 41 its source cannot know, and which only approximately.

    Flow ──▶ flag, service, bytes ──▶ Connection ──▶ windows/
      └────▶ unavailable, approximate: names of columns

The rules and their reasons are in docs/flow-records.md.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from contract.kdd99.columns import COLUMNS, CONTENT
from sensor.connection import Connection
from sensor.flow import Flow
from sensor.services import service_of

WINDOWS: tuple[str, ...] = COLUMNS[22:]
"""The 19 columns that need other connections, `count` to `dst_host_srv_rerror_rate`."""
ERROR_RATES: tuple[str, ...] = tuple(name for name in WINDOWS if "error" in name)
"""The 8 of them that need the state of every connection in the window."""
ONLY_PACKETS_SHOW = ("wrong_fragment", "urgent")
LOGS_LACK: tuple[str, ...] = (*ONLY_PACKETS_SHOW, *CONTENT)
"""What no flow log knows."""
CAPTURES_LACK: tuple[str, ...] = CONTENT
"""What captures do not give: it needs the content of the connections."""

FLAGS = {"SHR": "SH", "RSTRH": "RSTR"}
"""Zeek's states that KDD's rows do not have, as the state that is nearest to it."""
ICMP_HEADER_BYTES = 8
FTP_DATA_PORT = 20

ICMP4_SERVICES: dict[int, str] = {0: "ecr_i", 5: "red_i", 8: "eco_i", 11: "tim_i"}
ICMP6_SERVICES: dict[int, str] = {3: "tim_i", 128: "eco_i", 129: "ecr_i", 137: "red_i"}
UNREACHABLE: dict[tuple[bool, int, int], str] = {
    (False, 3, 1): "urh_i",
    (False, 3, 3): "urp_i",
    (True, 1, 3): "urh_i",
    (True, 1, 4): "urp_i",
}
"""By IPv6 or not, type and code: a host or a port that cannot be reached."""
OTHER_ICMP = "icmp"
"""KDD's name for ICMP of other types. It occurs in the whole test set only."""


class KddRecord(Struct, frozen=True, gc=False):
    """A flow's own columns, and what its source does not know of all 41."""

    connection: Connection
    unavailable: tuple[str, ...]
    """Columns that the source cannot know, in KDD's order. Their values mean nothing: leave them out."""
    approximate: tuple[str, ...]
    """Columns that the source knows only approximately, in KDD's order."""


def record_of(flow: Flow, ended_s: float | None = None) -> KddRecord:
    """The record of a flow.

    Args:
        flow: of any source.
        ended_s: its time in the windows; None: the flow's own end.
    """
    is_icmp = flow.protocol == "icmp"
    connection = Connection(
        flow.started_s,
        flow.ended_s if ended_s is None else ended_s,
        flow.source,
        flow.source_port,
        flow.destination,
        0 if is_icmp else flow.destination_port,
        flow.protocol,
        _icmp_service(flow) if is_icmp else _service(flow),
        uid=flow.uid,
        flag=FLAGS.get(flow.state, flow.state or "SF") if flow.protocol == "tcp" else "SF",
        duration=0 if is_icmp else int(flow.duration_s or 0.0),
        src_bytes=_icmp_bytes(flow) if is_icmp else flow.source_bytes or 0,
        dst_bytes=0 if is_icmp else flow.destination_bytes or 0,
        wrong_fragment=flow.wrong_fragments or 0,
        urgent=flow.urgent or 0,
    )
    return KddRecord(connection, _unavailable_of(flow), _approximate_of(flow))


def _service(flow: Flow) -> str:
    """KDD names a service by the port of the destination; for the data of FTP, which the server sends, by its own."""
    if flow.protocol == "tcp" and flow.source_port == FTP_DATA_PORT:
        return "ftp_data"
    return service_of(flow.protocol, flow.destination_port)


def _icmp_service(flow: Flow) -> str:
    kind, code, ipv6 = flow.source_port, flow.destination_port, ":" in flow.source
    named = (ICMP6_SERVICES if ipv6 else ICMP4_SERVICES).get(kind)
    return named or UNREACHABLE.get((ipv6, kind, code), OTHER_ICMP)


def _icmp_bytes(flow: Flow) -> int:
    """Bytes of one message with its header, as KDD counts them; of several messages the mean."""
    return round((flow.source_bytes or 0) / max(1, flow.source_packets or 1)) + ICMP_HEADER_BYTES


def _unavailable_of(flow: Flow) -> tuple[str, ...]:
    is_icmp = flow.protocol == "icmp"
    return _unavailable(
        flow.wrong_fragments is None,
        flow.urgent is None,
        flow.protocol == "tcp" and not flow.state,
        not flow.state,
        flow.duration_s is None and not is_icmp,
        flow.source_bytes is None,
        flow.destination_bytes is None and not is_icmp,
    )


@lru_cache(maxsize=256)
def _unavailable(
    fragments: bool, urgent: bool, flag: bool, states: bool, duration: bool, sent: bool, received: bool
) -> tuple[str, ...]:
    """The columns, by what the source does not say."""
    names = set(CONTENT)
    unknown = {
        "wrong_fragment": fragments,
        "urgent": urgent,
        "flag": flag,
        "duration": duration,
        "src_bytes": sent,
        "dst_bytes": received,
        **dict.fromkeys(ERROR_RATES, states),
    }
    names |= {name for name, is_unknown in unknown.items() if is_unknown}
    return tuple(name for name in COLUMNS if name in names)


def _approximate_of(flow: Flow) -> tuple[str, ...]:
    messages = _counts_messages_as_one(flow)
    if not messages and not flow.approximate and flow.duration_s is not None:
        return ()
    return _approximate(
        flow.approximate,
        messages,
        messages and flow.source_packets != 1,
        messages and flow.destination_packets != 0,
        flow.duration_s is None,
        _unavailable_of(flow),
    )


def _counts_messages_as_one(flow: Flow) -> bool:
    """Whether a flow log sums up several ICMP messages, which are a connection each in KDD."""
    if flow.protocol != "icmp" or flow.has_messages or flow.message_of:
        return False
    return flow.source_packets is None or flow.source_packets + (flow.destination_packets or 0) > 1


@lru_cache(maxsize=1024)
def _approximate(
    of_source: frozenset[str],
    messages: bool,
    sizes: bool,
    answers: bool,
    no_end: bool,
    unavailable: tuple[str, ...],
) -> tuple[str, ...]:
    """The columns that a source knows approximately.

    Args:
        of_source: what the source itself names.
        messages: several ICMP messages count as one connection, so all windows miss some.
        sizes: their size is a mean.
        answers: some are answers, so the last one may be of another service.
        no_end: the record's time in the windows is its start.
        unavailable: is left out.
    """
    names = set(of_source)
    if messages or no_end:
        names |= set(WINDOWS)
    if "flag" in names:
        names |= set(ERROR_RATES)
    names |= {"src_bytes"} if sizes else set()
    names |= {"service"} if answers else set()
    return tuple(name for name in COLUMNS if name in names and name not in unavailable)
