"""Recognise the header of a labelled file and the columns that it names.

duration,protocol_type,...,label           a CSV header, in any order
@relation / @attribute NAME TYPE / @data   an ARFF header, as in NSL-KDD
(nothing)                                  KDD's order
"""

from __future__ import annotations

from contract.kdd99.columns import COLUMNS
from contract.kdd99.labels import DIFFICULTY_NAMES, LABEL, LABEL_NAMES

DIFFICULTY = DIFFICULTY_NAMES[0]
_QUOTES = " \t'\""


class Header:
    """The header of one file, read line by line. `names` are its columns; empty if it names none."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self._arff = False
        self._done = False

    def takes(self, line: bytes) -> bool:
        """Whether a line belongs to the header. Call it with the lines in order."""
        if self._done:
            return self._arff and line.startswith(b"%")
        word = line[:12].lower()
        if word.startswith((b"@", b"%")):
            self._arff = True
            if word.startswith(b"@attribute"):
                self.names = (*self.names, column_of(_attribute(line.decode("utf-8", "replace"))))
            self._done = word.startswith(b"@data")
            return True
        self._done = True
        names = tuple(column_of(name) for name in line.decode("utf-8", "replace").removeprefix("\ufeff").split(","))
        if self._arff or len(set(names) & set(COLUMNS)) < len(names) / 2:
            return False
        self.names = names
        return True


def _attribute(line: str) -> str:
    """The NAME in `@attribute NAME TYPE`; it may be quoted."""
    rest = line[len("@attribute") :].strip()
    quote = rest[:1]
    return rest[1:].partition(quote)[0] if quote in ("'", '"') else (rest.split() or [""])[0]


def column_of(name: str) -> str:
    """Our name for a file's column: lower case, with the usual synonyms mapped to `label` and `difficulty`."""
    plain = name.strip(_QUOTES).lower()
    if plain in LABEL_NAMES:
        return LABEL
    return DIFFICULTY if plain in DIFFICULTY_NAMES else plain
