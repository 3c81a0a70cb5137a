"""Counts what a capture contains besides flows, and says it in short lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """What was read so far. Each packet is in one flow, or in `left_out`, `joined_fragments` or `lost_fragments`."""

    packets: int = 0
    flows: int = 0
    """Flows that ended, without the single ICMP messages."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Packets that belong to no flow, by what they are."""
    opened: Counter[str] = field(default_factory=Counter)
    """Packets inside a tunnel that was taken apart, by the tunnel's name. The flow is the inner one."""
    closed: Counter[str] = field(default_factory=Counter)
    """Packets of a tunnel that was not taken apart, by its name. The flow is the outer one."""
    joined_fragments: int = 0
    """IP fragments that were joined to another one, or that are a copy of one."""
    wrong_fragments: int = 0
    lost_fragments: int = 0
    """Fragments of datagrams that were never complete."""
    pushed_out: int = 0
    """Flows that were given out early, because too many were open."""
    set_back: int = 0
    """How often the clock of the packets went back by more than a minute. All flows end then."""
    dropped: int = 0
    """Packets that the kernel dropped, because this program was too slow."""
    notes: list[str] = field(default_factory=list)
    """Sentences on files that could only be read in part."""

    def lines(self) -> list[str]:
        """Short lines for the user. None if every packet is in a flow by itself."""
        counted: tuple[tuple[str, int, Mapping[str, int]], ...] = (
            ("packets in no flow", self.left_out.total(), self.left_out),
            ("packets in tunnels; the flows are the inner ones", self.opened.total(), self.opened),
            ("packets of tunnels that stay closed, one flow each", self.closed.total(), self.closed),
            ("IP fragments that were joined to others", self.joined_fragments, {}),
            ("IP fragments that overlap or leave their datagram", self.wrong_fragments, {}),
            ("IP fragments of datagrams that are not complete", self.lost_fragments, {}),
            ("flows that ended early, because too many were open at once", self.pushed_out, {}),
            ("times that the clock was set back, and all flows ended", self.set_back, {}),
            ("packets lost, because they came faster than they could be read", self.dropped, {}),
        )
        return [*self.notes, *(f"{what}: {number:,}{_by_name(names)}" for what, number, names in counted if number)]


def _by_name(counter: Mapping[str, int]) -> str:
    """Such as ` (ARP 12, IGMP 3)`, the most frequent first."""
    names = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    return f" ({', '.join(f'{name} {number:,}' for name, number in names)})" if names else ""
