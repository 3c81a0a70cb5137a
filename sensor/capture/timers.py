"""When a connection is over. All times are Zeek's defaults, and count on the clock of the packets.

The sources are files of github.com/zeek/zeek: scripts/base/init-bare.zeek where nothing else is said.

Two of Zeek's timers act only if a script of the site handles their events, so by default they do nothing there, and
they are not needed here: `tcp_reset_delay` (5 s, `connection_reset`) and `tcp_partial_close_delay` (3 s,
`connection_partial_close`). After a RST the connection ends by CLOSE_DELAY_NS, after half a close by SESSION_NS.
"""

from __future__ import annotations

SECOND_NS = 1_000_000_000

ATTEMPT_NS = 5 * SECOND_NS
"""A SYN that nothing answers ends after this time: tcp_attempt_delay."""
FIRST_CHECK_NS = 5 * SECOND_NS
"""The first look at a TCP connection, whether it is closed: tcp_SYN_timeout."""
SESSION_NS = 6 * SECOND_NS
"""Time between two such looks: tcp_session_timer."""
LINGER_NS = 5 * SECOND_NS
"""At such a look, a closed or half closed connection ends if it was quiet for longer: tcp_connection_linger."""
CLOSE_DELAY_NS = 5 * SECOND_NS
"""A connection that both sides closed, or one reset, ends after this time: tcp_close_delay."""
TCP_IDLE_NS = 300 * SECOND_NS
"""Idle time of TCP: tcp_inactivity_timeout."""
INTERACTIVE_IDLE_NS = 3600 * SECOND_NS
"""Idle time of TCP to INTERACTIVE_PORTS: scripts/base/protocols/conn/inactivity.zeek."""
INTERACTIVE_PORTS = frozenset({21, 22, 23, 513})
UDP_IDLE_NS = 60 * SECOND_NS
"""udp_inactivity_timeout."""
DNS_CHECK_NS = 10 * SECOND_NS
"""Time between two looks at an exchange with one of DNS_PORTS, whether it is over: dns_session_timeout."""
DNS_IDLE_NS = 9 * SECOND_NS
"""At such a look, it is over if it was quiet for this long: src/analyzer/protocol/dns/DNS.cc."""
DNS_PORTS = frozenset({53, 137, 5353, 5355})
"""scripts/base/protocols/dns/main.zeek, UDP."""
ICMP_IDLE_NS = 60 * SECOND_NS
"""icmp_inactivity_timeout."""
