"""Users' files of rows, read as columns; an error in one row leaves the others readable."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.tables.open_table import open_table
from contract.errors import InputError


def rows_of(path: Path, size: int = 3) -> list[dict[str, Any]]:
    """Every row as a dictionary; a broken row has its reason under `!`."""
    rows: list[dict[str, Any]] = []
    for batch in open_table(path).batches(size):
        assert batch.first == len(rows) + 1
        for place in range(batch.size):
            row = {name: values[place] for name, values in batch.columns.items() if values[place] is not None}
            rows.append(row | ({"!": batch.broken[place]} if place in batch.broken else {}))
    return rows


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_the_header_of_a_text_file_shows_its_delimiter(delimiter: str, packed: bool, tmp_path: Path) -> None:
    text = "\ufeff" + "\r\n".join(
        delimiter.join(cells) for cells in (["a", " b "], ["1", '"x, y;z"'], [], ["2", ""], ["3"])
    )
    path = tmp_path / ("rows.csv.gz" if packed else "rows.csv")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    assert rows_of(path) == [
        {"a": "1", "b": "x, y;z"},
        {"a": "2", "b": ""},
        {"!": "the row has 1 columns, the header 2"},
    ]


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("text", ["a|1||2|3|", "a|||1|2|3", "a|1|2|||||3||"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_blank_lines_are_no_rows(end: str, text: str, width: int, tmp_path: Path) -> None:
    """With any line end; some programs write an additional carriage return."""
    path = tmp_path / "rows.csv"
    lines = [line and ",".join([line, f"{line}b"][:width]) for line in text.split("|")]
    path.write_bytes(end.join(lines).encode())
    assert [list(row.values()) for row in rows_of(path)] == [[cell, f"{cell}b"][:width] for cell in "123"]


def test_objects_become_columns_with_dotted_names(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"a": {"b": 1, "c": [2]}, "d": [1, 2]}\n\n[1]\n{"a": {"b": 2}\n{"e": null, "a.b": 3}\n', encoding="utf-8"
    )
    first, second, third, fourth = rows_of(path)
    assert first == {"a.b": 1, "a.c": 2, "d": [1, 2]}
    assert second == {"!": "the line is not a JSON object (it is a list)"}
    assert third["!"].startswith("the line is not a JSON object (")
    assert fourth == {"a.b": 3}


def test_parquet_is_read_with_its_types(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"a": [1, None, 3, 4], "b": ["x", "y", None, "z"]}), tmp_path / "rows.parquet")
    assert rows_of(tmp_path / "rows.parquet") == [{"a": 1, "b": "x"}, {"b": "y"}, {"a": 3}, {"a": 4, "b": "z"}]
    nested = pyarrow.table({"a": [{"b": 1, "c": "x"}], "d": [True]})
    parquet.write_table(nested, tmp_path / "nested.parquet")
    assert rows_of(tmp_path / "nested.parquet") == [{"a.b": 1, "a.c": "x", "d": True}]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("rows.xlsx", b"", "ends in none of .csv, .tsv"),
        ("rows.parquet.gz", b"", "ends in none of"),
        ("rows", b"", "ends in none of"),
        ("rows.csv", b"", "has no header"),
        ("rows.csv", b"\n1,2\n", "has no header"),
        ("rows.csv", b"a,b,a\n", "names 'a' twice"),
        ("rows.csv", b"a,b\n\xff,1\n", "is not UTF-8 text"),
        ("rows.csv", b'a,b\n"' + b"x" * 1_100_000, "look for a quote that is not closed"),
        ("rows.csv.gz", b"a,b\n1,2\n", "cannot be unpacked"),
        ("rows.csv.gz", gzip.compress(b"a,b\n1,2\n" * 50, mtime=0)[:-9], "cannot be unpacked"),
        ("rows.parquet", b"PAR1 no", "is not a Parquet file"),
    ],
)
def test_a_file_whose_content_does_not_match_its_name_is_refused(
    name: str, content: bytes, says: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    if "parquet" in name:
        pytest.importorskip("pyarrow")
    with pytest.raises(InputError) as refused:
        rows_of(path)
    assert says in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        open_table(tmp_path / "rows.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="cannot read"):
        rows_of(tmp_path / "folder.csv")


CELLS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n\0"), max_size=8)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=9), st.sampled_from([",", ";", "\t", "|"]))
def test_the_output_of_a_csv_writer_is_read_back(rows: list[tuple[str, str]], delimiter: str) -> None:
    """In order, with every character, in batches of any size."""
    from common.tables import delimited

    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("one", "two"), *rows])
    batches = delimited.batches(io.BytesIO(text.getvalue().encode()), Path("x.csv"), 4)
    read = [pair for batch in batches for pair in zip(batch.columns["one"], batch.columns["two"], strict=True)]
    assert read == rows


def _as_read(value: Any) -> Any:
    """An integer beyond 64 bits is read as a float."""
    is_large = isinstance(value, int) and not -(2**63) <= value < 2**64
    return float(value) if is_large else value


@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), st.integers() | st.text(max_size=5) | st.booleans(), max_size=3))
)
def test_json_lines_are_read_back(rows: list[dict[str, Any]]) -> None:
    from common.tables import json_lines

    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    batches = list(json_lines.batches(io.BytesIO(content), Path("x.jsonl"), 4))
    assert sum(batch.size for batch in batches) == len(rows)
    read = [
        {name: values[place] for name, values in batch.columns.items() if values[place] is not None}
        for batch in batches
        for place in range(batch.size)
        if place not in batch.broken
    ]
    assert len(read) == len(rows) - sum(len(batch.broken) for batch in batches)
    whole = [{name: _as_read(value) for name, value in row.items()} for row in rows]
    assert all(row in whole for row in read)
