"""Disk watermarks as Elasticsearch writes them: `95%`, `0.95`, `500mb`, with an optional `max_headroom` of free
space.
"""

from __future__ import annotations

import re

_UNITS = {"b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40, "pb": 2**50}


def free_bytes(watermark: str, headroom: str | None, total: int) -> float:
    """How many bytes must stay free on a disk, so that it is not past a watermark; 0 if the watermark is unreadable.

    Args:
        watermark: a share of the disk, or bytes.
        headroom: the most that a share asks for, so that large disks may fill up further; None or `-1`: no such limit.
        total: size of the disk in bytes.
    """
    if match := re.fullmatch(r"([\d.]+)%", watermark):
        free = total * (1 - float(match[1]) / 100)
    elif re.fullmatch(r"[01](\.\d+)?", watermark):
        free = total * (1 - float(watermark))
    else:
        return size_bytes(watermark) or 0
    limit = size_bytes(str(headroom))
    return free if limit is None else min(free, limit)


def size_bytes(text: str) -> int | None:
    """Bytes of a text such as `100gb`; None if it is no size."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgtp]?b)", text.strip().lower())
    return int(float(match[1]) * _UNITS[match[2]]) if match else None
