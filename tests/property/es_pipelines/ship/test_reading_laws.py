"""Laws of reading: an interrupted run and a packed file give the same rows."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from contract.errors import UnreadableFileError
from contract.kdd99.columns import COLUMNS
from es_pipelines.reading.json_array import Elements
from es_pipelines.reading.open_file import OpenFile
from es_pipelines.reading.rows import LineKind, Row, Rows

HEADERS = [delimiter.join(names) for delimiter in ",;\t" for names in (COLUMNS, COLUMNS[::-1], ("id", *COLUMNS))]
ROWS = [delimiter.join(["1"] * 40 + [last]) for delimiter in ",;\t" for last in ("1", "0.5")]
LINES = st.lists(
    st.sampled_from([*HEADERS, *ROWS, "", "  ", "prose, of a person", '{"duration": 1}', "0,tcp"]), max_size=12
)
VALUES = st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(), st.lists, max_leaves=5)
OBJECTS = st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=6)


def rows_of(file: OpenFile, start: int = 0, header: int = 0) -> list[Row]:
    """The remaining rows of a file for a shipper that stopped at `start` and knows a header at `header`."""
    rows = Rows(file.shape())
    rows.resume(file.lines(header, complete=True, end=start), start)
    return [rows.take(line) for line in file.lines(start, complete=True)]


@given(LINES, st.booleans(), st.data())
def test_an_interrupted_run_reads_the_same_remaining_rows(lines: list[str], packed: bool, data: st.DataObject) -> None:
    """After each line, with the header from the registry; also for a file packed with gzip."""
    content = "\n".join(lines).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(gzip.compress(content) if packed else content)
        with OpenFile(path) as file:
            whole = rows_of(file)
            if not whole:
                return
            stop = data.draw(st.integers(0, len(whole) - 1))
            before = whole[stop]
            rest = rows_of(file, before.line.end, max(before.header, 0))
    assert rest == whole[stop + 1 :]


@given(OBJECTS, st.integers(1, 50), st.sampled_from([None, 0, 3]), st.booleans())
def test_an_array_gives_its_elements_for_any_chunk_size(
    objects: list[dict[str, object]], size: int, indent: int | None, ascii_only: bool
) -> None:
    content = json.dumps(objects, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    splitter = Elements()
    lines = [line for at in range(0, len(content), size) for line in splitter.feed(content[at : at + size])]
    lines += splitter.close(complete=True)
    assert [json.loads(line.content) for line in lines] == objects
    assert [content[line.offset : line.end] for line in lines] == [line.content for line in lines]


@given(st.binary(max_size=200))
def test_any_bytes_give_rows_or_an_error_with_the_file(content: bytes) -> None:
    """The only possible error names the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(content)
        taken: list[Row] = []
        named = ""
        try:
            with OpenFile(path) as file:
                taken = rows_of(file)
        except UnreadableFileError as error:
            named = str(error)
    assert str(path) in named or all(row.kind in LineKind for row in taken)
