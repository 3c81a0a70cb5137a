"""Estimate from the bytes of a JSON body how much memory its objects take, and refuse too much before parsing.

bytes ──▶ small compared with the limit? ──▶ accept
      └─▶ count braces, brackets, commas, colons, quotes ─▶ objects, keys, texts, numbers ─▶ bytes ─▶ too many? 413

Eleven million `{}` fit into 32 KB of gzip and take a gigabyte. A page of documents takes three to ten times its own
size.

The figures are upper bounds, measured with orjson on CPython 3.11 (64 bits). Characters inside texts count too, which
only makes the estimate larger.
"""

from __future__ import annotations

import re

import numpy as np

from enrich_service.request_body import RequestError

OBJECTS_OF_BODY = 6
"""The objects may take this many times the largest body: 250 MB by default, together with two copies of the body."""
MOST_OF_A_BYTE = 32
"""Most bytes of memory for one byte of any body; `{"":0},` takes 29."""

CONTAINER_BYTES = 72
"""An empty object or list, with its reference."""
FILLED_BYTES = 130
"""Additional bytes of an object with one entry."""
ENTRY_BYTES = 56
"""An entry of an object, without key and value."""
ITEM_BYTES = 9
"""A reference in a list."""
TEXT_BYTES = 72
"""A text, without its letters."""
NUMBER_BYTES = 32
"""A number of three characters or more; smaller ones are shared."""
WIDEST_LETTER = 4
"""Bytes of a letter in a text with a letter beyond U+FFFF."""
SLICE_BYTES = 1024 * 1024
COUNTED_BYTES = 64 * 1024
"""Slices of this size stay in the processor's cache while their marks are counted."""

_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_KEY = re.compile(rb'"([^"]*)"[ \t\r\n]*:')
"""A key in a text without escapes. An attempt ends at the next quote, so the search takes linear time."""


def check(body: bytes, *, max_body_bytes: int) -> None:
    """Refuse a body whose objects may take too much memory.

    Raises:
        RequestError: 413.
    """
    most = OBJECTS_OF_BODY * max_body_bytes
    if len(body) * MOST_OF_A_BYTE <= most:
        return
    marks = _Marks(body)
    found = weigh(marks, marks.colons * TEXT_BYTES, 0)  # as if all keys were different and empty
    if found > most and weigh(marks, 0, len(body)) <= most:  # keys decide; equal keys are one text
        found = weigh(marks, *keys_of(body))
    if found > most:
        raise RequestError(
            413,
            "request_too_complex",
            f"the request has so many values or keys that they may take more than {most} bytes of memory, six times "
            f"OVERSIGHT_SERVE_MAX_BODY_BYTES; send fewer documents at once, or raise it",
        )


class _Marks:
    """How often the marks of JSON are in a text."""

    def __init__(self, body: bytes) -> None:
        self.size = len(body)
        self.objects, self.lists, self.commas, self.colons, self.quotes = _counts(body, b'{[,:"')
        self.wide = not body.isascii() or (b"\\" in body and b"\\u" in body)
        """There may be letters beyond ASCII. To find one backslash takes far less time than to find a pair."""


def _counts(body: bytes, marks: bytes) -> list[int]:
    """How often each byte of `marks` is in a text. `bytes.count` is slow for a byte that is frequent, as these are."""
    counts = [0] * len(marks)
    data = np.frombuffer(body, np.uint8)
    for start in range(0, len(data), COUNTED_BYTES):
        part = data[start : start + COUNTED_BYTES]
        for place, mark in enumerate(marks):
            counts[place] += int(np.count_nonzero(part == mark))
    return counts


def weigh(marks: _Marks, keys_bytes: int, key_letters: int) -> int:
    """Most bytes of memory that the objects of a JSON text take.

    Args:
        marks: those of the text.
        keys_bytes: bytes of its keys.
        key_letters: number of letters of all keys.
    """
    objects, lists, commas, keys, quotes = marks.objects, marks.lists, marks.commas, marks.colons, marks.quotes
    values = commas + objects + lists
    letters = max(0, marks.size - 2 * objects - 2 * lists - commas - keys - quotes - key_letters)
    texts = max(0, quotes // 2 - keys)
    numbers = min(max(0, values - objects - lists - texts), letters // 3)
    return (
        keys_bytes
        + CONTAINER_BYTES * (objects + lists)
        + FILLED_BYTES * min(objects, keys)
        + ENTRY_BYTES * keys
        + ITEM_BYTES * max(0, values - keys)
        + TEXT_BYTES * texts
        + NUMBER_BYTES * numbers
        + (letters * (WIDEST_LETTER if marks.wide else 1) if texts else 0)
    )


def keys_of(body: bytes) -> tuple[int, int]:
    """Bytes of the different keys, and number of letters of all keys."""
    seen: set[bytes] = set()
    letters = 0
    for start in range(0, len(body), SLICE_BYTES):
        found = _KEY.findall(_ESCAPED.sub(b"", body[start : start + SLICE_BYTES]))
        letters += sum(map(len, found))
        seen.update(found)
    return len(seen) * TEXT_BYTES + sum(map(len, seen)), letters
