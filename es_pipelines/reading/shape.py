"""Recognise a file's shape by its first bytes: lines, a JSON array, ARFF, or something that is not shipped. Pure."""

from __future__ import annotations

import enum
import re

from contract.errors import UnreadableFileError

SNIFFED_BYTES = 64 * 1024
NOT_TEXT = {
    b"PK\x03\x04": "is a zip archive; unpack it with: unzip {file}",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd; unpack it with: unzstd {file}",
    b"BZh": "is compressed with bzip2; unpack it with: bunzip2 {file}",
    b"\xfd7zXZ\x00": "is compressed with xz; unpack it with: unxz {file}",
    b"\x04\x22\x4d\x18": "is compressed with lz4; unpack it with: unlz4 {file}",
    b"7z\xbc\xaf\x27\x1c": "is a 7-Zip archive; unpack it with: 7z x {file}",
    b"\xff\xfe": "is UTF-16 text; convert it with: iconv -f UTF-16 -t UTF-8 {file}",
    b"\xfe\xff": "is UTF-16 text; convert it with: iconv -f UTF-16 -t UTF-8 {file}",
    b"\xd4\xc3\xb2\xa1": "is a packet capture; make connection records from it first (Zeek does)",
    b"\x0a\x0d\x0d\x0a": "is a packet capture; make connection records from it first (Zeek does)",
    b"PAR1": "is a Parquet file; convert it to CSV first",
}
"""First bytes of files that people mistake for a log file, and what to do with such a file."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ARFF = re.compile(rb"(?:\s*(?:%[^\n]*)?\n)*\s*@relation\b", re.IGNORECASE)
_ARRAY = re.compile(rb"\s*\[\s*[{\]]")
_LONE_RETURN = re.compile(rb"\r[^\n]")


class Shape(enum.Enum):
    """How a file holds its events."""

    LINES = "lines"
    ARRAY = "JSON array"
    ARFF = "ARFF"


def shape_of(start: bytes, name: str, file: str = "") -> Shape:
    """The shape of a file.

    Args:
        start: its first bytes, at most `SNIFFED_BYTES`.
        name: for the message, as the user typed it.
        file: the file's name in a command; empty to use `name`.
    Raises:
        UnreadableFileError: it has no lines of text; says what it is and which command converts it.
    """
    file = file or name
    for magic, advice in NOT_TEXT.items():
        if start.startswith(magic):
            raise UnreadableFileError(f"{name} {advice.format(file=file)}, then ship the result")
    start = start.removeprefix(BYTE_ORDER_MARK)
    if _ARRAY.match(start):
        return Shape.ARRAY
    if b"\n" not in start and _LONE_RETURN.search(start):
        raise UnreadableFileError(
            f"{name} ends its lines with a carriage return alone, as old Macs do; "
            f"convert it with: tr '\\r' '\\n' < {file} > {file}.txt, then ship the result"
        )
    return Shape.ARFF if _ARFF.match(start) else Shape.LINES


def is_undecided(start: bytes) -> bool:
    """Whether the shape of a stream needs more bytes: a comment or a bracket can begin anything."""
    stripped = start.strip()
    if stripped in (b"", b"[") or (b"\n" not in start and len(start) < SNIFFED_BYTES):
        return True
    return all(line.lstrip().startswith(b"%") for line in stripped.split(b"\n"))
