"""What a line is, and what the shipper tells the pipeline about its columns."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from contract.errors import UnreadableFileError
from contract.kdd99.columns import COLUMNS, FLOW
from es_pipelines.reading.header import KnownColumns
from es_pipelines.reading.json_array import Elements
from es_pipelines.reading.lines import Lines, split
from es_pipelines.reading.packed import Gzip
from es_pipelines.reading.rows import Label, LineKind, Row, Rows
from es_pipelines.reading.shape import Shape, shape_of

VALUES = dict(zip(COLUMNS, ("0", "tcp", "http", "SF", *map(str, range(37))), strict=True))
ROW = ",".join(VALUES.values())
HEADER = ",".join(COLUMNS)
BACKWARDS = COLUMNS[::-1]


def taken(text: str | bytes, rows: Rows | None = None) -> list[Row]:
    """The kind of each line of a text."""
    content = text.encode() if isinstance(text, str) else text
    shape = shape_of(content, "a.csv")
    rows = rows or Rows(shape)
    splitter = Elements() if shape is Shape.ARRAY else Lines()
    return [rows.take(line) for line in (*splitter.feed(content), *splitter.close(complete=True))]


def beside(header: str, row: str) -> Any:
    """The values that are sent with a row below this header."""
    first, second = taken(f"{header}\n{row}\n")
    assert (first.kind, second.kind) == (LineKind.HEADER, LineKind.EVENT)
    return second.csv_fields


@pytest.mark.parametrize(
    "names",
    [COLUMNS, (*COLUMNS, "label"), (*COLUMNS, "class"), tuple(name.upper() for name in COLUMNS)],
    ids=["whole", "with a label", "with a class", "upper case"],
)
def test_columns_in_kdds_order_are_not_sent(names: Sequence[str]) -> None:
    quoted = ",".join(f'"{name}" ' for name in names)
    row = ROW + ",normal" * (len(names) - len(COLUMNS))
    assert beside(",".join(names), row) is None
    assert beside(f"\ufeff{quoted}\r", row) is None


@pytest.mark.parametrize(
    "names",
    [
        BACKWARDS,
        tuple(name.upper() for name in BACKWARDS),
        ("", "id", *COLUMNS),
        (*COLUMNS, "label", "difficulty"),
        (*COLUMNS, "label", "Flow ID"),
        FLOW,
    ],
    ids=["backwards", "upper case", "pandas index and id", "difficulty", "more", "flow"],
)
def test_columns_in_another_order_are_sent_as_the_header_has_them(names: Sequence[str]) -> None:
    """Trimmed and without quotes; also other columns and unnamed ones, because positions count."""
    row = ",".join("1" for _ in names)
    assert beside(",".join(names), row) == {"columns": list(names)}
    assert beside(", ".join(f'"{name}"' for name in names), row) == {"columns": list(names)}
    assert beside(";".join(names), row.replace(",", ";")) == {"columns": list(names), "delimiter": ";"}


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_delimiter_is_recognised_with_and_without_a_header(delimiter: str) -> None:
    """Decimal commas do not matter: only one delimiter gives a row as many columns as KDD has."""
    row = ROW.replace(",", delimiter).replace("36", "0,36")
    assert [one.csv_fields for one in taken(f"{row}\n{row}\n")] == [{"delimiter": delimiter}] * 2
    assert beside(HEADER.replace(",", delimiter), row) == {"delimiter": delimiter}
    (comma,) = taken(ROW)
    assert comma.csv_fields is None


def test_a_given_delimiter_is_used_unchanged() -> None:
    (row,) = taken("a b|c", Rows(delimiter="|"))
    assert row.csv_fields == {"delimiter": "|"}


def test_a_later_header_names_the_columns_below_it() -> None:
    """Users join files with `cat`, and a restarted writer may write other columns."""
    backwards = ",".join(BACKWARDS)
    rows = taken(f"{HEADER}\n{ROW}\n{backwards}\n{ROW}\n{HEADER}\n{ROW}\n")
    assert [row.kind.value for row in rows] == ["header", "event"] * 3
    assert [row.csv_fields for row in rows[1::2]] == [None, {"columns": list(BACKWARDS)}, None]
    assert [row.header for row in rows[1::2]] == [rows[0].line.offset, rows[2].line.offset, rows[4].line.offset]


def test_a_line_that_only_looks_like_a_header_is_an_event() -> None:
    """A free text, a header with less than half of the columns, one after a syslog frame, JSON with KDD's names."""
    lines = ["duration, protocol_type", f"May  1 08:00:03 sensor kdd: {HEADER}", json.dumps(VALUES), "# src_bytes"]
    assert [row.kind for row in taken("\n".join(lines))] == [LineKind.EVENT] * 4
    assert [row.csv_fields for row in taken("\n".join(lines))] == [None] * 4


def test_the_columns_of_another_model_are_known_too() -> None:
    known = KnownColumns(("amount", "city", "age"), ("kdd99.amount", "city", "age"), frozenset({"fraud", "fine"}))
    first, second, third = taken("Age;City;Amount;label\n3;Rome;2,5;fraud\n3;Rome;2,5;odd\n", Rows(known=known))
    assert first.kind is LineKind.HEADER
    assert second.csv_fields == {"columns": ["Age", "City", "Amount", "label"], "delimiter": ";"}
    assert (second.label, third.label) == (None, Label.UNKNOWN)


def test_a_column_that_is_named_twice_is_refused() -> None:
    with pytest.raises(UnreadableFileError, match="'src_bytes' and 'SRC _BYTES'"):
        taken(f"{HEADER},SRC _BYTES\n")
    with pytest.raises(UnreadableFileError, match="'label' and 'class'"):
        taken(f"{HEADER},label,class\n")


@pytest.mark.parametrize(
    ("label", "odd"),
    [
        ("normal", None),
        ("neptune.", None),
        ("apache2", None),
        ("", None),
        ("anomaly", Label.UNKNOWN),
        ("21", Label.NOT_A_WORD),
        ("0.5", Label.NOT_A_WORD),
        ("2024-05-01", Label.NOT_A_WORD),
        ("01/05/2024 10:00", Label.NOT_A_WORD),
    ],
)
def test_a_label_is_known_or_unknown_or_no_word(label: str, odd: Label | None) -> None:
    """By position, with NSL-KDD's difficulty after it, by the header, quoted, with another delimiter."""
    semicolons = f"{ROW},{label}".replace(",", ";")
    quoted = ",".join(f'"{cell}"' for cell in [*ROW.split(","), label])
    for text in (f"{ROW},{label}", f"{ROW},{label},20", f"{HEADER},class\n{ROW},{label}", semicolons, quoted):
        assert taken(text)[-1].label == odd
    ahead = ",".join(["attack", "id", *COLUMNS])
    assert taken(f"{ahead}\n{label},7,{ROW}")[-1].label == odd


def test_arff_declares_its_columns_and_has_comments() -> None:
    attributes = "\n".join(f"@ATTRIBUTE '{name}' real" for name in COLUMNS)
    text = f"% NSL-KDD\n\n@relation 'KDD'\n{attributes}\n@attribute 'class' {{'normal', 'anomaly'}}\n@data\n"
    rows = taken(f"{text}% a comment\n{ROW},normal\n\n{ROW},anomaly\n")
    count = {what: sum(row.kind is what for row in rows) for what in LineKind}
    assert count == {LineKind.EVENT: 2, LineKind.HEADER: 45, LineKind.BLANK: 3}
    events = [row for row in rows if row.kind is LineKind.EVENT]
    assert [(row.csv_fields, row.label) for row in events] == [(None, None), (None, Label.UNKNOWN)]
    backwards = "\n".join(f"@attribute {name} real" for name in BACKWARDS)
    assert taken(f"@relation x\n{backwards}\n@data\n{ROW}\n")[-1].csv_fields == {"columns": list(BACKWARDS)}


def test_the_rest_of_a_file_is_read_like_its_beginning() -> None:
    """With a header, only a delimiter, or ARFF; the registry knows a header in the middle."""
    backwards = ",".join(BACKWARDS)
    arff = "@relation x\n" + "\n".join(f"@attribute {name} real" for name in BACKWARDS) + "\n@data"
    for head in (backwards, f"\n{backwards.replace(',', ';')}", ROW.replace(",", "\t"), arff):
        row = ROW.replace(",", ";") if ";" in head else ROW.replace(",", "\t") if "\t" in head else ROW
        whole = taken(f"{head}\n{row}\n{row}\n")
        again = Rows(shape_of(head.encode(), "a.csv"))
        again.resume([one.line for one in whole], whole[-1].line.offset)
        assert again.take(whole[-1].line) == whole[-1]
        assert whole[-1].csv_fields


ARRAY = json.dumps([VALUES, {"é": 'a "quoted" } bracket', "list": [1, {"deep": []}]}, {}], indent=2, ensure_ascii=False)


@pytest.mark.parametrize("size", [1, 7, 1_000, 100_000])
def test_the_elements_of_an_array_are_events_with_their_own_text(size: int) -> None:
    """In pieces of any size; each offset is that of the element's bracket; several arrays are one."""
    content = b"\xef\xbb\xbf \n" + f"{ARRAY}\n[ ]\n{ARRAY}\n".encode()
    splitter = Elements()
    lines = [line for at in range(0, len(content), size) for line in splitter.feed(content[at : at + size])]
    lines += splitter.close(complete=True)
    assert [json.loads(line.content) for line in lines] == json.loads(ARRAY) * 2
    assert [content[line.offset : line.end] for line in lines] == [line.content for line in lines]
    assert shape_of(content, "a.json") is Shape.ARRAY
    rest = Elements(lines[1].end)
    assert list(rest.feed(content[lines[1].end :])) == lines[2:]


def test_a_damaged_or_open_array_gives_the_earlier_elements_and_the_position() -> None:
    for text, message in (
        ('[{"a": 1}, {"a": x}, {"b": 123456789012345678901234567890}]', "damaged at byte 17"),
        ('[{"a": 1}, 5, {"b": 123456789012345678901234567890}]', "damaged at byte 11 .expected an object"),
        ('[{"a": 1}, {"a": "unfinished', "ends at byte 28 without its closing bracket"),
    ):
        got: list[bytes] = []
        with pytest.raises(UnreadableFileError, match=message):
            got.extend(line.content for line in split(io.BytesIO(text.encode()).read, Elements()))
        assert got == [b'{"a": 1}']
    waiting = Elements()
    assert [line.content for line in waiting.feed(b'[{"a": 1}, {"a"')] == [b'{"a": 1}']
    assert list(waiting.close(complete=False)) == []


def test_lines_that_begin_with_a_bracket_are_no_array() -> None:
    assert shape_of(b"[Wed Oct 11 14:32:52 2000] [error]\n", "a.log") is Shape.LINES
    assert shape_of(b"[1, 2]\n", "a.log") is Shape.LINES


def test_a_number_of_any_length_is_skipped_unread() -> None:
    """Python cannot read a number of 5,000 digits; the pipeline reports it, and the shipper continues with the file."""
    content = b'[{"a": ' + b"1" * 5_000 + b'}, {"a": 1e' + b"9" * 5_000 + b'}, {"a": 2}]'
    splitter = Elements()
    found = [*splitter.feed(content), *splitter.close(complete=True)]
    assert [line.content[:5] for line in found] == [b'{"a":'] * 3


def test_a_gzip_file_with_bytes_after_its_end_is_an_error(tmp_path: Path) -> None:
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(b"0,tcp,http\n") + b"no gzip")
    with packed.open("rb") as file, pytest.raises(OSError, match="the gzip file is damaged or cut off"):
        Gzip(file.fileno()).pread(100, 0)
