r"""Read Zeek's conn.log, as TSV or as JSON.

#fields ts uid ... ──▶ which column holds what ─┐
1547188415.857  CAcJw2 ...   a line of TSV ─────┼──▶ values, in the order of FIELDS ──▶ Flow
{"ts": 1547188415.857, ...}  a line of JSON ────┘

Each line says itself what it is, so that a file may begin anywhere, and change its fields in the middle.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Annotated

from msgspec import DecodeError, Meta, Struct, ValidationError, convert, json

from contract.errors import shorten
from sensor.flow import Flow
from sensor.logs.no_flow import NoFlowError, OtherRecordError
from sensor.logs.payload import payload_of
from sensor.logs.values import (
    A_TIME,
    MAX_COUNT,
    MAX_PORT,
    MAX_TIME_S,
    address_of,
    bad_value,
    check_length,
    missing,
    time_of,
)

Port = Annotated[int, Meta(ge=0, le=MAX_PORT)]
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Seconds = Annotated[float, Meta(ge=0, lt=MAX_TIME_S)]


class Values(
    Struct,
    rename={
        "orig_h": "id.orig_h",
        "orig_p": "id.orig_p",
        "resp_h": "id.resp_h",
        "resp_p": "id.resp_p",
        "system": "_system_name",
    },
):
    """What a flow takes from a line, by Zeek's names. None is Zeek's unset field."""

    ts: float | str
    uid: str
    orig_h: str
    orig_p: Port
    resp_h: str
    resp_p: Port
    proto: str
    duration: Seconds | None = None
    orig_bytes: Count | None = None
    resp_bytes: Count | None = None
    conn_state: str | None = None
    service: str | None = None
    orig_pkts: Count | None = None
    orig_ip_bytes: Count | None = None
    resp_pkts: Count | None = None
    resp_ip_bytes: Count | None = None
    history: str | None = None
    community_id: str | None = None
    system: str | None = None
    """Corelight's name of the sensor."""


class Cells(Values, array_like=True):
    """The values of a line of TSV, in the order of FIELDS."""


class Record(Values, rename={"path": "_path"}):
    """The values of a line of JSON."""

    path: str | None = None


_RECORDS = json.Decoder(Record, strict=False)
FIELDS: tuple[str, ...] = Values.__struct_encode_fields__
NEEDED = FIELDS[:8]
"""A header without one of these is no conn.log's. A value of the last one, `duration`, may be unset."""
EXPECTED = {
    **dict.fromkeys(("id.orig_p", "id.resp_p"), f"a whole number from 0 to {MAX_PORT}"),
    **dict.fromkeys(
        (name for name in FIELDS if name.endswith(("_bytes", "_pkts"))), f"a whole number from 0 to {MAX_COUNT}"
    ),
    "ts": A_TIME,
    "duration": "a number of seconds from 0 on",
}
"""What a field must be, for the message; the others must be text."""
STATES = frozenset({"S0", "S1", "S2", "S3", "SF", "REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"})
"""Values of `conn_state`."""
PROTOCOLS = frozenset({"tcp", "udp", "icmp"})
LOG = "conn"
"""What a header says in `#path`, and some JSON in `_path`."""
EXACT: frozenset[str] = frozenset()
_ESCAPED = re.compile(r"\\x([0-9A-Fa-f]{2})")
_PLACE = re.compile(r"\$\[(\d+)\]")
"""Of a cell, in an error of msgspec such as "Expected `int`, got `str` - at `$[3]`"."""
_FIELD = re.compile(r"(?:at `\$\.|required field `)([^`]+)`")
"""Of a record: "... - at `$.id.orig_p`" or "Object missing required field `uid`"."""


class ConnLog:
    """Reads the lines of one file, in their order: a header holds until the next one."""

    def __init__(self) -> None:
        self._separator, self._unset, self._empty = "\t", "-", "(empty)"
        self._other_log = ""
        self._width = 0
        self._lacks = ""
        self._pick: Callable[[Sequence[str]], tuple[str, ...]] | None = None

    def read(self, line: str) -> Flow | None:
        """The flow of a line; None if the line is blank or belongs to a header.

        Args:
            line: without its line end.
        Raises:
            NoFlowError: the line gives no flow; says why.
        """
        if line.startswith("{"):
            return read_json(line)
        if line.startswith("#"):
            self._read_header(line)
            return None
        if not line or line.isspace():
            return None
        return _flow_of(_checked(self._values(line)), line)

    def _read_header(self, line: str) -> None:
        if line.startswith("#separator "):
            self._separator = _unescaped(line.removeprefix("#separator "))
            return
        name, *values = line.split(self._separator)
        value = values[0] if values else ""
        if name == "#unset_field":
            self._unset = value
        elif name == "#empty_field":
            self._empty = value
        elif name == "#path":
            self._other_log = "" if value == LOG else value
        elif name == "#fields":
            self._take_fields(values)

    def _take_fields(self, names: list[str]) -> None:
        self._width = len(names)
        self._lacks = ", ".join(name for name in NEEDED if name not in names)
        places = {name: place for place, name in enumerate(names)}
        self._pick = itemgetter(*(places.get(name, self._width) for name in FIELDS))

    def _values(self, line: str) -> list[str | None]:
        """The values of a line of TSV."""
        if self._other_log:
            raise _other_log(self._other_log)
        if self._pick is None:
            raise NoFlowError("no header", "no line with #fields came before it; give the file from its start")
        if self._lacks:
            raise NoFlowError(f"the header lacks {self._lacks}", f"the header (#fields) lacks {self._lacks}")
        cells = line.split(self._separator)
        if len(cells) != self._width:
            raise NoFlowError(
                "half a line, or one of another header",
                f"it has {len(cells)} columns and the header {self._width}: half a line, or one of another header",
            )
        cells.append(self._unset)  # the column that an absent field is read from
        unset, empty = self._unset, self._empty
        values = [None if cell == unset else cell for cell in self._pick(cells)]
        return ["" if value == empty else value for value in values] if empty in line else values


def _unescaped(text: str) -> str:
    r"""A separator: `\x09` is a tab."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) or "\t"


def read_json(line: str) -> Flow:
    """The flow of a line of JSON.

    Raises:
        NoFlowError: the line gives no flow; says why.
    """
    try:
        record = _RECORDS.decode(line)
    except (DecodeError, RecursionError) as error:
        raise _refused(error, line) from None
    if record.path and record.path != LOG:
        raise _other_log(record.path)
    return _flow_of(record, line)


def _refused(error: Exception, line: str) -> NoFlowError:
    """Why a line of JSON has no values for a flow."""
    try:
        record = json.decode(line)
    except (DecodeError, RecursionError):
        return NoFlowError("not JSON, or half a line", f"it is not JSON, or half a line ({error})")
    if record.get("_path", LOG) != LOG:
        return _other_log(record["_path"])
    field = _FIELD.findall(str(error))[-1]
    return _bad_field(field, record.get(field))


def _other_log(name: object) -> OtherRecordError:
    return OtherRecordError(f"a line of the log {shorten(name)}, not of {LOG!r}")


def flow_of(record: Mapping[str, object], line: str) -> Flow:
    """The flow of values by Zeek's names; `line` is where they come from.

    Raises:
        NoFlowError: they give no flow; says why.
    """
    return _flow_of(_checked([*map(record.get, FIELDS)]), line)


def _checked(cells: Sequence[object]) -> Values:
    """The values of cells, which are in the order of FIELDS and may all be text."""
    try:
        return convert(cells, Cells, strict=False)
    except ValidationError as error:
        place = int(_PLACE.findall(str(error))[-1])
        raise _bad_field(FIELDS[place], cells[place]) from None


def _flow_of(values: Values, line: str) -> Flow:
    """The flow of a line's values."""
    if values.proto not in PROTOCOLS:
        raise OtherRecordError(f"the protocol is {shorten(values.proto)}, and KDD's are tcp, udp and icmp")
    sent, received, approximate = values.orig_bytes, values.resp_bytes, EXACT
    if sent is None or received is None:
        sent, received, approximate = _payloads(values)
    started_s, duration_s = time_of("ts", values.ts), values.duration or 0.0
    check_length(started_s, duration_s)
    return Flow(
        values.uid,
        started_s,
        duration_s,
        values.proto,
        address_of("id.orig_h", values.orig_h),
        values.orig_p,
        address_of("id.resp_h", values.resp_h),
        values.resp_p,
        values.conn_state if values.conn_state in STATES else "",
        sent,
        received,
        source_packets=values.orig_pkts,
        destination_packets=values.resp_pkts,
        application=_application(values.service) if values.service else "",
        community_id=values.community_id or "",
        observer=values.system or "",
        history=values.history or "",
        original=line,
        approximate=approximate,
    )


def _bad_field(field: str, value: object) -> NoFlowError:
    return missing(field) if value is None else bad_value(field, value, EXPECTED.get(field, "text"))


def _payloads(values: Values) -> tuple[int | None, int | None, frozenset[str]]:
    """Payload of both sides, and which of them is only estimated.

    Zeek leaves `duration`, `orig_bytes` and `resp_bytes` out where all packets came at one moment, such as a single
    packet. The payload is then what the IP packets hold (docs/flow-records.md).
    """
    sent, received = values.orig_bytes, values.resp_bytes
    approximate = set()
    if sent is None:
        sent, is_exact = _of_packets(values, values.orig_ip_bytes, values.orig_pkts, letter="D")
        approximate |= set() if is_exact else {"src_bytes"}
    if received is None:
        received, is_exact = _of_packets(values, values.resp_ip_bytes, values.resp_pkts, letter="d")
        approximate |= set() if is_exact else {"dst_bytes"}
    return sent, received, frozenset(approximate)


def _of_packets(values: Values, size: int | None, packets: int | None, *, letter: str) -> tuple[int | None, bool]:
    """The payload of one side and whether it is exact.

    `letter` is in the history of a TCP connection if the side sent data; without data, its options do not count.
    """
    if size is None or packets is None:
        return None, True
    if values.proto == "tcp" and (packets == 0 or (values.history and letter not in values.history)):
        return 0, True
    payload = payload_of(size, packets, protocol=values.proto, ipv6=":" in values.orig_h)
    return payload, values.proto != "tcp"


@lru_cache(maxsize=1024)
def _application(services: str) -> str:
    """The first of Zeek's names; one that begins with a minus turned out to be wrong."""
    return next((name for name in services.lower().split(",") if not name.startswith("-")), "")
