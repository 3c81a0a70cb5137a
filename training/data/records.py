"""Read KDD Cup 99 into arrays, with each distinct record once.

    FILE (plain or gzip) ┐                    distinct lines          distinct records
    scikit-learn's copy  ┴─▶ lines ─▶ dict ──────────────▶ parse ──▶ one row for each (vector, label), with its count
                                                                          └─▶ select: the same over fewer columns

Seven rows in ten of KDD Cup 99 are repetitions. So each distinct line is parsed once and counted.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from contract.errors import InputError, shorten
from contract.kdd99.columns import CATEGORICAL, COLUMNS
from contract.kdd99.labels import LABEL
from training.data.file_header import DIFFICULTY, Header

GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Records:
    """Distinct labelled records. `counts` says how often each occurs in the file."""

    numeric: NDArray[np.float32]
    """Shape (n_records, n_numeric), raw values in the order of `numeric_columns`; 38 columns in a whole file."""
    categorical: NDArray[np.str_]
    """Shape (n_records, n_categorical), in the order of `categorical_columns`; 3 columns in a whole file."""
    labels: NDArray[np.str_]
    """Shape (n_records,), without the trailing full stop."""
    counts: NDArray[np.int64]
    """Shape (n_records,), rows of the file for each record."""
    columns: tuple[str, ...] = COLUMNS
    """The columns that are present, in the order of the file."""

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def numeric_columns(self) -> tuple[str, ...]:
        """Names of the columns of `numeric`."""
        return tuple(column for column in self.columns if column not in CATEGORICAL)

    @cached_property
    def categorical_columns(self) -> tuple[str, ...]:
        """Names of the columns of `categorical`."""
        return tuple(column for column in self.columns if column in CATEGORICAL)

    @cached_property
    def n_rows(self) -> int:
        """Rows of the file, repetitions included."""
        return int(self.counts.sum())

    def once(self) -> Records:
        """The same records, each counted once."""
        return dataclasses.replace(self, counts=np.ones(len(self), np.int64))

    def take(self, index: NDArray[np.integer] | NDArray[np.bool_]) -> Records:
        """The records at an index or in a mask, in its order."""
        return Records(
            self.numeric[index], self.categorical[index], self.labels[index], self.counts[index], self.columns
        )

    def pick(self, columns: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
        """The numbers and the words of some columns, each in the order in which you name them.

        Raises:
            InputError: names the columns that these records do not have.
        """
        absent = [column for column in columns if column not in self.columns]
        if absent:
            raise InputError(
                f"the records have no column {', '.join(absent)}; read them from a file with all 41 columns"
            )
        numeric = [self.numeric_columns.index(column) for column in columns if column not in CATEGORICAL]
        words = [self.categorical_columns.index(column) for column in columns if column in CATEGORICAL]
        return self.numeric[:, numeric], self.categorical[:, words]


@dataclass(frozen=True)
class Source:
    """Where the records come from, so that another person can get the same ones."""

    name: str
    sha256: str


def read(path: Path, columns: tuple[str, ...] = COLUMNS) -> tuple[Records, Source]:
    """Read a labelled file: 41 columns and a label, comma-separated, plain or gzip, with or without a header line.

    Also reads NSL-KDD: ignores its 43rd column (the difficulty), and takes the columns of an ARFF file from its header.
    With a header the columns can be in any order.

    Args:
        path: the file.
        columns: the columns to read. The others may hold anything. A file that has only these and the label is read
            too, unless it could be a file of 41 columns without its label.
    Raises:
        InputError: the file cannot be read, or a line is no labelled KDD record (names line, column and value).
    """
    try:
        with path.open("rb") as raw:
            head = Header()
            first_of_line = _distinct(_lines(raw, path, head))
            records = _parse(first_of_line, path.name, columns, head.names)
            raw.seek(0)
            digest = hashlib.file_digest(raw, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"cannot read {path} ({error.strerror or error}); name a KDD Cup 99 file with --data"
        ) from None
    return records, Source(name=path.name, sha256=digest)


def fetch(data_home: Path | None = None, columns: tuple[str, ...] = COLUMNS) -> tuple[Records, Source]:
    """Load these columns of the 10 % training set through scikit-learn, which caches its download.

    Raises:
        InputError: there is no network and no cached copy.
    """
    from sklearn.datasets import fetch_kddcup99

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it warns before each retry; our own error says everything
            bunch = fetch_kddcup99(percent10=True, data_home=data_home, n_retries=1, delay=0.2)
    except OSError as error:
        raise InputError(f"KDD Cup 99 cannot be downloaded ({error}); name a local file with --data FILE") from None
    name = "fetch_kddcup99(percent10=True)"
    lines = [b",".join([*map(_as_bytes, row), label]) for row, label in zip(bunch.data, bunch.target, strict=True)]
    digest = hashlib.sha256(b"\n".join(lines)).hexdigest()
    return _parse(_distinct(enumerate(lines, 1)), name, columns), Source(name=name, sha256=digest)


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _lines(raw: IO[bytes], path: Path, head: Header) -> Iterator[tuple[int, bytes]]:
    """Number and content of every row; leaves out empty lines and the header."""
    packed = raw.read(2) == GZIP_MAGIC
    raw.seek(0)
    stream: IO[bytes] = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
    try:
        for number, line in enumerate(stream, 1):
            text = line.strip()
            if text and not head.takes(text):
                yield number, text
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is a damaged gzip file ({error}); copy or download it again") from None


def _distinct(lines: Iterable[tuple[int, bytes]]) -> dict[bytes, tuple[int, int]]:
    """Each distinct line, with the number of its first occurrence and how often it occurs."""
    occurrences: dict[bytes, tuple[int, int]] = {}
    for number, line in lines:
        first, count = occurrences.get(line, (number, 0))
        occurrences[line] = (first, count + 1)
    return occurrences


def _parse(
    lines: dict[bytes, tuple[int, int]], name: str, columns: tuple[str, ...], named: tuple[str, ...] = ()
) -> Records:
    if not lines:
        raise InputError(f"{name} has no rows; expected KDD Cup 99 records, 41 columns and a label in each line")
    numbers = [number for number, _ in lines.values()]
    rows = [line.split(b",") for line in lines]
    layout = _named(rows, numbers, name, columns, named) if named else _layout(rows, numbers, name, columns)
    values = dict(zip(layout, zip(*rows, strict=True), strict=True))
    numeric = [_floats(values[column], column, numbers, name) for column in columns if column not in CATEGORICAL]
    words = [_words(values[column], column, numbers, name) for column in columns if column in CATEGORICAL]
    labels = np.char.rstrip(_words(values[LABEL], LABEL, numbers, name), ".")
    counts = np.array([count for _, count in lines.values()], np.int64)
    return _merge(Records(np.stack(numeric, axis=1), np.stack(words, axis=1), labels, counts, columns))


def _named(
    rows: list[list[bytes]], numbers: list[int], name: str, columns: tuple[str, ...], named: tuple[str, ...]
) -> tuple[str, ...]:
    """The columns as the file's header names them. It must name each column that we read exactly once."""
    wanted = (*columns, LABEL)
    wrong = [column for column in wanted if named.count(column) != 1]
    if wrong:
        how = "more than once" if wrong[0] in named else "not at all"
        raise InputError(
            f"{name}: the header contains the column {wrong[0]!r} {how}, expected each column once; correct the file"
        )
    for number, row in zip(numbers, rows, strict=True):
        if len(row) != len(named):
            raise InputError(
                f"{name}, line {number}: {len(row)} columns, expected {len(named)} as in the header; correct the file"
            )
    return named


def _layout(rows: list[list[bytes]], numbers: list[int], name: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of a file without a header: all 41, or only the chosen ones. The first line decides."""
    short = [(*columns, LABEL)] if len(columns) + 1 < len(COLUMNS) else []
    layouts = [(*COLUMNS, LABEL), *short, (*COLUMNS, LABEL, DIFFICULTY)]
    fitting = [layout for layout in layouts if len(layout) == len(rows[0])]
    expected = " or ".join(_counted(layout) for layout in fitting or layouts)
    for number, row in zip(numbers, rows, strict=True):
        if not fitting or len(row) != len(rows[0]):
            raise InputError(f"{name}, line {number}: {len(row)} columns, expected {expected}; correct the file")
    return fitting[0]


def _counted(layout: tuple[str, ...]) -> str:
    """How many columns a layout has, and which."""
    if layout[-1] == DIFFICULTY:
        return f"{len(layout)} (NSL-KDD, with the difficulty)"
    return f"{len(layout)} ({len(layout) - 1} features and the label)"


def _floats(values: tuple[bytes, ...], column: str, numbers: list[int], name: str) -> NDArray[np.float32]:
    """One column as float32 (cast from float64). Accepts only finite numbers in plain digits."""
    try:
        if b"_" not in b",".join(values):  # Python accepts 1_000 as a number, but no CSV reader does
            with np.errstate(over="ignore"):
                column_values = np.array(values).astype(np.float64).astype(np.float32)
            if np.isfinite(column_values).all():
                return column_values + np.float32(0)  # turns -0.0 into 0.0, so that both are one value
    except ValueError:
        pass
    number, value = next(pair for pair in zip(numbers, values, strict=True) if not _is_number(pair[1]))
    raise _wrong_value(value, column, number, name, "a finite number")


def _is_number(value: bytes) -> bool:
    try:
        with np.errstate(over="ignore"):
            return b"_" not in value and bool(np.isfinite(np.float32(float(value))))
    except (ValueError, OverflowError):
        return False


def _words(values: tuple[bytes, ...], column: str, numbers: list[int], name: str) -> NDArray[np.str_]:
    values = tuple(value.strip(b" '\"") for value in values)
    for number, value in zip(numbers, values, strict=True):
        if not value or not value.isascii():
            raise _wrong_value(value, column, number, name, "an ASCII word")
    return np.array(values).astype(np.str_)


def _wrong_value(value: bytes, column: str, number: int, name: str, expected: str) -> InputError:
    shown = shorten(value.decode("utf-8", "backslashreplace"))
    return InputError(f"{name}, line {number}, column {column!r}: {shown}, expected {expected}; correct the file")


def select(records: Records, columns: tuple[str, ...]) -> Records:
    """The records with only these columns. Records that are then equal become one, and their counts are added.

    Raises:
        InputError: a column is missing.
    """
    numeric, words = records.pick(columns)
    return _merge(Records(numeric, words, records.labels, records.counts, columns))


def _merge(records: Records) -> Records:
    """One record for each (vector, label), in order. Merges lines that spell a vector differently (`0`, `0.00`)."""
    group = vector_numbers(records.numeric, np.column_stack([records.categorical, records.labels]))
    _, first = np.unique(group, return_index=True)
    counts = np.bincount(group, weights=records.counts).astype(np.int64)
    order = np.argsort(first)
    merged = records.take(first[order])
    return dataclasses.replace(merged, counts=counts[order])


def vector_numbers(numeric: NDArray[np.float32], words: NDArray[np.str_]) -> NDArray[np.int64]:
    """A number for each row, from 0 on; rows with the same values have the same number. Shape (n_rows,)."""
    codes = [np.unique(column, return_inverse=True)[1].astype(np.float32) for column in words.T]
    rows = np.ascontiguousarray(np.column_stack([numeric, *codes]))
    row_bytes = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    numbers: NDArray[np.int64] = np.unique(row_bytes, return_inverse=True)[1]
    return numbers
