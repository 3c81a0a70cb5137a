"""One connection as a sensor sees it: who, when, how it ended, and what it contained."""

from __future__ import annotations

from msgspec import Struct

SYN_ERRORS = frozenset({"S0", "S1", "S2", "S3", "SH"})
"""Connection states that KDD counts in the `serror` rates: the opening or the closing is incomplete."""

REJECT_ERRORS = frozenset({"REJ", "RSTO", "RSTR", "RSTOS0"})
"""Connection states that KDD counts in the `rerror` rates: one side sent a reset."""

UNNAMED_SERVICES = frozenset({"private", "other"})
"""KDD's names for ports without a name of their own. The windows still distinguish such ports."""


class Connection(Struct, frozen=True, gc=False):
    """One TCP connection, UDP exchange or ICMP message. From `duration` on, the names are KDD's columns."""

    started_s: float
    """First packet, in seconds on the sensor's clock."""
    ended_s: float
    """Last packet: its time in the windows (docs/decisions/0002-kdd-windows.md). If the record came too late to be
    sorted in, the time at which it came.
    """
    source: str
    """IP address that opened it."""
    source_port: int
    destination: str
    destination_port: int
    """Ports are 0 for ICMP."""
    protocol_type: str
    service: str
    uid: str = ""
    """The source's id of it, such as Zeek's `uid`."""
    flag: str = "SF"
    """Zeek's connection state: SF finished, S0 no response, REJ refused, RSTO and RSTR reset ..."""

    duration: int = 0
    """Whole seconds."""
    src_bytes: int = 0
    dst_bytes: int = 0
    wrong_fragment: int = 0
    urgent: int = 0
    hot: int = 0
    num_failed_logins: int = 0
    logged_in: int = 0
    num_compromised: int = 0
    root_shell: int = 0
    su_attempted: int = 0
    num_root: int = 0
    num_file_creations: int = 0
    num_shells: int = 0
    num_access_files: int = 0
    num_outbound_cmds: int = 0
    is_host_login: int = 0
    is_guest_login: int = 0

    @property
    def land(self) -> int:
        """1 if a host seems to talk to itself, from a port to the same port."""
        return int(self.source == self.destination and self.source_port == self.destination_port)

    @property
    def service_key(self) -> str:
        """What the windows compare: the service's name; for an unnamed service also its protocol and port."""
        if self.service in UNNAMED_SERVICES:
            return f"{self.service}/{self.protocol_type}/{self.destination_port}"
        return self.service

    def own_columns(self) -> tuple[str | int, ...]:
        """The first 22 of the 41 columns: those that need no other connection."""
        return (
            self.duration,
            self.protocol_type,
            self.service,
            self.flag,
            self.src_bytes,
            self.dst_bytes,
            self.land,
            self.wrong_fragment,
            self.urgent,
            self.hot,
            self.num_failed_logins,
            self.logged_in,
            self.num_compromised,
            self.root_shell,
            self.su_attempted,
            self.num_root,
            self.num_file_creations,
            self.num_shells,
            self.num_access_files,
            self.num_outbound_cmds,
            self.is_host_login,
            self.is_guest_login,
        )
