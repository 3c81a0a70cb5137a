"""The monitored network: one segment for each user, the shared servers, and the hosts outside.

172.16.0.0/16   inside                               outside (addresses reserved for documentation)
  .1.x   router, resolver, clock                       203.0.113.x    web sites
  .10.x  alpha: desk .20, server .2, web .3,           198.51.100.x   peers for mail and files, visitors, name servers
         shell .4, quiet hosts .40 to .239             192.0.2.x      attackers and amplifiers
  .11.x  bravo ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ROUTER, RESOLVER, CLOCK = "172.16.1.1", "172.16.1.53", "172.16.1.123"
SITES = tuple(f"203.0.113.{host}" for host in range(10, 50))
CLOSED_SITES = tuple(f"203.0.113.{host}" for host in range(150, 210))
"""Sites whose web server is down: they refuse connections."""
PEERS = tuple(f"198.51.100.{host}" for host in range(10, 20))
"""Hosts of other organisations, which send and receive mail and files."""
VISITORS = tuple(f"198.51.100.{host}" for host in range(100, 160))
NAME_SERVERS = ("198.51.100.2", "198.51.100.3", "198.51.100.4")
ATTACKERS = tuple(f"192.0.2.{host}" for host in range(10, 40))
AMPLIFIERS = tuple(f"192.0.2.{host}" for host in range(100, 200))
MAX_USERS = 200


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of the network that one user's sensor watches."""

    user: str
    number: int

    def host(self, last: int) -> str:
        """Address of a host in the segment, by its last number."""
        return f"172.16.{self.number}.{last}"

    @property
    def desk(self) -> str:
        """The user's own machine."""
        return self.host(20)

    @property
    def server(self) -> str:
        """The server for mail, FTP, telnet and finger."""
        return self.host(2)

    @property
    def web(self) -> str:
        """A web server that people outside visit."""
        return self.host(3)

    @property
    def shell(self) -> str:
        """A machine for logins that hardly anyone uses."""
        return self.host(4)

    @property
    def quiet(self) -> tuple[str, ...]:
        """Hosts that offer no service and rarely get connections."""
        return tuple(self.host(last) for last in range(40, 240))


def segments(users: Sequence[str]) -> tuple[Segment, ...]:
    """One segment for each user, in their order."""
    return tuple(Segment(user=user, number=10 + index) for index, user in enumerate(users))
