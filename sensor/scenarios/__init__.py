"""The planned attacks: KDD's name for each, its share of the traffic and when it begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sensor.connection import Connection
from sensor.draw import Draw
from sensor.network import Segment
from sensor.scenarios import dos, intrusion, probe

Play = Callable[[Draw, Segment, float], Iterator[Connection]]
"""Yields the connections of an attack on a segment from a given second, in order of their start, without end."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One planned attack."""

    name: str
    label: str
    """KDD's name for it."""
    play: Play
    share: float
    """Share of all connections of a round."""
    begins: float
    """When in the round it begins, from 0 to 1."""


ATTACKS: tuple[Attack, ...] = (
    Attack("ipsweep", "ipsweep", probe.ipsweep, 0.030, 0.05),
    Attack("portsweep", "portsweep", probe.portsweep, 0.035, 0.10),
    Attack("phf", "phf", intrusion.phf, 0.002, 0.14),
    Attack("nmap", "nmap", probe.nmap, 0.030, 0.20),
    Attack("guess_passwd", "guess_passwd", intrusion.guess_passwd, 0.020, 0.25),
    Attack("buffer_overflow", "buffer_overflow", intrusion.buffer_overflow, 0.003, 0.30),
    Attack("land", "land", dos.land, 0.003, 0.34),
    Attack("neptune", "neptune", dos.neptune, 0.150, 0.38),
    Attack("teardrop", "teardrop", dos.teardrop, 0.030, 0.44),
    Attack("warezmaster", "warezmaster", intrusion.warezmaster, 0.005, 0.48),
    Attack("back", "back", dos.back, 0.030, 0.52),
    Attack("warezclient", "warezclient", intrusion.warezclient, 0.020, 0.56),
    Attack("smurf", "smurf", dos.smurf, 0.150, 0.62),
    Attack("ftp_write", "ftp_write", intrusion.ftp_write, 0.002, 0.66),
    Attack("satan", "satan", probe.satan, 0.060, 0.70),
    Attack("loadmodule", "loadmodule", intrusion.loadmodule, 0.002, 0.74),
    Attack("neptune-refused", "neptune", dos.neptune_refused, 0.040, 0.78),
    Attack("pod", "pod", dos.pod, 0.012, 0.82),
    Attack("rootkit", "rootkit", intrusion.rootkit, 0.002, 0.85),
)
"""The floods are the largest, but still leave two fifths of the traffic to people's work."""
