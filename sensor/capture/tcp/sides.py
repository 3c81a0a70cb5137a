"""The two sides of a TCP connection, its history, its timers and its state at the end."""

from __future__ import annotations

import re

from sensor.capture.exchange import NEVER, Exchange
from sensor.capture.tcp.endpoint import (
    CLOSED,
    ESTABLISHED,
    INACTIVE,
    PARTIAL,
    RESET,
    SYN_ACK_SENT,
    SYN_SENT,
    Endpoint,
)
from sensor.capture.timers import (
    CLOSE_DELAY_NS,
    FIRST_CHECK_NS,
    INTERACTIVE_IDLE_NS,
    INTERACTIVE_PORTS,
    LINGER_NS,
    SESSION_NS,
    TCP_IDLE_NS,
)

FIN, SYN, RST, ACK, URG = 1, 2, 4, 16, 32
CONTROL = SYN | FIN | RST
RESET_AFTER_SYN = re.compile(r"\^?S[^HAFGIQ]*R.*")
"""The history of RSTOS0."""
MAX_HISTORY = 1_000
"""Letters; a flood of RSTs with new numbers would add one each."""
REPEATED = 10
"""The history names what repeats at its 1st, 10th, 100th ... time."""


class TcpSides(Exchange):
    """A TCP connection without the rules for its packets, which are in connection.py."""

    __slots__ = (
        "attempt_ns",
        "check_ns",
        "delete_ns",
        "idle",
        "idle_ns",
        "is_active",
        "is_deferred",
        "known",
        "orig",
        "resp",
        "second_check_ns",
        "urgent",
    )

    def __init__(self, key: bytes, now_ns: int, source: bytes, source_port: int, destination: bytes, port: int) -> None:
        super().__init__(key, now_ns, source, source_port, destination, port)
        self.orig, self.resp = Endpoint(), Endpoint()
        """The side that began, and the other one."""
        self.urgent = 0
        self.known = 0
        """What the history names already, as bits."""
        self.is_active = True
        """False once it was reset: nobody looks any more whether it is closed and quiet."""
        self.is_deferred = False
        """A side ended, but data before its end is missing."""
        self.idle = TCP_IDLE_NS
        self.idle_ns = now_ns + TCP_IDLE_NS
        self.check_ns = now_ns + FIRST_CHECK_NS
        self.second_check_ns = self.attempt_ns = self.delete_ns = NEVER
        self.wake_ns = self.check_ns

    def flip(self) -> None:
        """The other side began."""
        super().flip()
        self.orig, self.resp = self.resp, self.orig

    # history

    def note(self, side: Endpoint, code: str, bit: int) -> bool:
        """Add a letter to the history, unless its bit is there. Small letters are the responder's.

        Returns:
            Whether it was there.
        """
        if code in "AD" and self.history == "H":
            # It began with a SYN with ACK. Data or an ACK after it shows that only the first SYN is missing.
            self.flip()
            self.history = "^h"
        if side is self.resp:
            bit <<= 16
        if self.known & bit:
            return True
        self.known |= bit
        self.name(side, code)
        return False

    def name(self, side: Endpoint, code: str) -> None:
        """Add a letter to the history."""
        if len(self.history) < MAX_HISTORY:
            self.history += code if side is self.orig else code.lower()

    def note_flags(self, side: Endpoint, flags: int, offset: int, size: int) -> None:
        """Add to the history what a packet with these flags is."""
        control = flags & CONTROL
        if control:
            self._note_control(side, control, flags, offset, size)
        elif size:
            self.note(side, "D", 0x10)
        elif flags & ACK:
            self.note(side, "A", 0x20)

    def _note_control(self, side: Endpoint, control: int, flags: int, offset: int, size: int) -> None:
        """A SYN, FIN or RST counts again if its sequence number is new."""
        if control == SYN:
            code = "H" if flags & ACK else "S"
            if self.note(side, code, 0x01) and offset != side.last_syn:
                self.name(side, code)
            side.last_syn = offset
        elif control == FIN:
            if self.note(side, "F", 0x02) and offset + size != side.last_fin:
                self.name(side, "F")
            side.last_fin = offset + size
        elif control == RST:
            if self.note(side, "R", 0x04) and offset != side.last_rst:
                self.name(side, "R")
            side.last_rst = offset
        elif control & FIN and control & RST:
            self.note(side, "I", 0x08)
        else:
            self.note(side, "Q", 0x40)

    def note_repeated(self, side: Endpoint, code: str, times: int) -> None:
        """Add a letter to the history at its 1st, 10th, 100th ... time."""
        while times >= REPEATED and times % REPEATED == 0:
            times //= REPEATED
        if times == 1:
            self.name(side, code)

    # timers

    def establish(self) -> None:
        """The handshake is complete. Interactive services may be idle for long."""
        if self.destination_port in INTERACTIVE_PORTS:
            self.idle = INTERACTIVE_IDLE_NS

    def close(self, side: Endpoint) -> None:
        """A side ended, with a FIN or a RST."""
        peer = self.resp if side is self.orig else self.orig
        if side.is_waiting(peer):
            self.is_deferred = True
            return
        self.is_deferred = False
        if side.closed:
            return
        side.closed = True
        if side.state == RESET or peer.closed or peer.state == INACTIVE:
            self.attempt_ns = self.check_ns = self.second_check_ns = NEVER
            self.delete_ns = self.ended_ns + CLOSE_DELAY_NS
            self.wake_ns = min(self.wake_ns, self.delete_ns)
        elif side.before != INACTIVE:
            self.second_check_ns = self.ended_ns + SESSION_NS
            self.wake_ns = min(self.wake_ns, self.second_check_ns)

    def check_end(self, side: Endpoint) -> None:
        """All data before the end of a side may be there now."""
        if side.ended or not (side.fin or side.state >= CLOSED):
            return
        peer = self.resp if side is self.orig else self.orig
        if side.is_waiting(peer):
            return
        side.ended = True
        if self.is_deferred:
            self.close(side)
            self.is_deferred = False

    def is_over(self, now_ns: int) -> bool:
        """Whether a timer ends it."""
        if self.delete_ns <= now_ns or self._attempt_failed(now_ns) or self._is_quiet(now_ns):
            return True
        if self.idle_ns <= now_ns:
            if self.ended_ns + self.idle <= now_ns:
                return True
            self.idle_ns = self.ended_ns + self.idle
        self.wake_ns = min(self.idle_ns, self.check_ns, self.second_check_ns, self.attempt_ns, self.delete_ns)
        return False

    def _attempt_failed(self, now_ns: int) -> bool:
        if self.attempt_ns > now_ns:
            return False
        self.attempt_ns = NEVER
        return self.is_active and self.orig.state in (SYN_SENT, SYN_ACK_SENT) and self.resp.state == INACTIVE

    def _is_quiet(self, now_ns: int) -> bool:
        """Look from time to time whether a closed connection is quiet. Sets the times of the next look."""
        if self.check_ns > now_ns and self.second_check_ns > now_ns:
            return False
        if self.is_active and self.ended_ns + LINGER_NS < now_ns and self._looks_closed():
            return True
        if self.check_ns <= now_ns:
            self.check_ns = now_ns + SESSION_NS
        if self.second_check_ns <= now_ns:
            self.second_check_ns = now_ns + SESSION_NS
        return False

    def _looks_closed(self) -> bool:
        states = (self.orig.state, self.resp.state)
        if self.orig.closed or self.resp.closed:
            both = self.orig.closed and self.resp.closed
            return both or RESET in states or INACTIVE in states
        return states == (INACTIVE, INACTIVE)

    # the end

    @property
    def state(self) -> str:
        """Zeek's `conn_state`."""
        orig, resp = self.orig.state, self.resp.state
        if resp == RESET:
            return self._refused(orig)
        if orig == RESET:
            return self._aborted(resp)
        if orig == CLOSED:
            return "SF" if resp == CLOSED else "SH" if resp in (INACTIVE, PARTIAL) else "S2"
        if resp == CLOSED:
            return "SHR" if orig in (INACTIVE, PARTIAL) else "S3"
        return {(SYN_SENT, INACTIVE): "S0", (ESTABLISHED, ESTABLISHED): "S1"}.get((orig, resp), "OTH")

    def _refused(self, orig: int) -> str:
        """The state of a connection that the responder reset."""
        empty = not self.orig.size(self.resp) and not self.resp.size(self.orig)
        if orig in (SYN_SENT, SYN_ACK_SENT) or (orig == RESET and empty):
            return "REJ"
        return "RSTRH" if orig in (INACTIVE, PARTIAL) else "RSTR"

    def _aborted(self, resp: int) -> str:
        """The state of a connection that the originator reset."""
        if resp in (INACTIVE, PARTIAL):
            return "RSTOS0" if RESET_AFTER_SYN.fullmatch(self.history) else "OTH"
        return "RSTO"
