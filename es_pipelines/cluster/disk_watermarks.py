"""Disk watermarks as Elasticsearch writes them: `95%`, `0.95`, `500mb`, with an optional `max_headroom` of free
space.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNITS = {"b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40, "pb": 2**50}


@dataclass(frozen=True, slots=True)
class Watermark:
    """How much of a disk must stay free."""

    text: str
    share: float
    """Share of the disk, 0 to 1; 0 if the watermark is in bytes."""
    least_bytes: int
    """0 if the watermark is a share."""
    headroom_bytes: int | None
    """The most that a share asks for, so that large disks may fill up further."""

    def free_bytes(self, total: int) -> float:
        """A disk of `total` bytes with fewer free bytes is past the watermark."""
        free = max(self.share * total, self.least_bytes)
        return free if self.headroom_bytes is None else min(free, self.headroom_bytes)


def watermark(text: str, headroom: str | None = None) -> Watermark:
    """Read a watermark; one that cannot be read asks for no free space."""
    limit = size_bytes(str(headroom)) if headroom not in (None, "-1") else None
    if match := re.fullmatch(r"([\d.]+)%", text):
        return Watermark(text, 1 - float(match[1]) / 100, 0, limit)
    if re.fullmatch(r"[01](\.\d+)?", text):
        return Watermark(text, 1 - float(text), 0, limit)
    return Watermark(text, 0.0, size_bytes(text) or 0, None)


def size_bytes(text: str) -> int | None:
    """Bytes of a text such as `100gb`; None if it is no size."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgtp]?b)", text.strip().lower())
    return int(float(match[1]) * _UNITS[match[2]]) if match else None
