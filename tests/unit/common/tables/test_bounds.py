"""No line, name or compressed file fills the memory."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from common.tables import bounds, delimited, json_lines
from common.tables.open_table import open_table
from contract.errors import InputError

HERE = Path("rows.csv")


def test_an_endless_line_in_a_compressed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1" * (bounds.MAX_LINE + 10)))
    with pytest.raises(InputError, match=r"rows.csv.gz, line 2 has more than 16,777,216 bytes"):
        list(open_table(path).batches())


def test_long_lines_make_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "BATCH_BYTES", 1_000)
    monkeypatch.setattr(json_lines, "BATCH_BYTES", 1_000)
    monkeypatch.setattr(delimited, "BATCH_BYTES", 1_000)
    for quote in ("", '"'):
        text = "a,b\n" + f"{quote}{'x' * 200}{quote},1\n" * 100
        batches = list(delimited.batches(io.BytesIO(text.encode()), HERE, 10_000))
        assert len(batches) > 3
        assert [batch.first for batch in batches][1] == 1 + batches[0].size
        assert sum(batch.size for batch in batches) == 100
    packed = io.BytesIO(b'{"a": "%s"}\n' % (b"x" * 200) * 100)
    sizes = [batch.size for batch in json_lines.batches(packed, HERE, 10_000)]
    assert max(sizes) <= 5
    assert sum(sizes) == 100


def test_rows_with_different_names_make_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "BATCH_CELLS", 100)
    rows = b"".join(b'{"a%d": %d}\n' % (row, row) for row in range(50))
    batches = list(json_lines.batches(io.BytesIO(rows), HERE, 10_000))
    assert max(len(batch.columns) * batch.size for batch in batches) <= 11 * 11
    assert [batch.first for batch in batches] == [1 + sum(b.size for b in batches[:n]) for n in range(len(batches))]


def test_too_many_columns_and_too_long_names_are_refused() -> None:
    many = ",".join(f"c{number}" for number in range(bounds.MAX_COLUMNS + 1))
    with pytest.raises(InputError, match=r"rows.csv has 10,001 columns, expected 10,000 at most"):
        list(delimited.batches(io.BytesIO(f"{many}\n1\n".encode()), HERE, 10))
    with pytest.raises(InputError, match=r"a column whose name has 1,001 characters"):
        list(delimited.batches(io.BytesIO(f"{'n' * 1001},b\n1,2\n".encode()), HERE, 10))


def test_a_long_name_of_nested_objects_breaks_only_its_row() -> None:
    """Each inner field would get the outer name as a prefix: megabytes would become terabytes."""
    inner = ",".join(f'"a{number}": 1' for number in range(3000))
    lines = f'{{"{"k" * 1_000_000}": {{{inner}}}}}\n{{"b": 2}}\n'.encode()
    (batch,) = json_lines.batches(io.BytesIO(lines), HERE, 10)
    assert batch.broken == {0: "a field's name has more than 1,000 characters; shorten it"}
    assert batch.columns == {"b": [None, 2]}


def test_parquet_decimals_dates_and_nanoseconds_are_plain_values(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table(
        {
            "price": [Decimal("1.25"), None],
            "day": [date(2026, 3, 4), None],
            "at": pyarrow.array([1_700_000_000_000_000_001, None], pyarrow.timestamp("ns", "UTC")),
        }
    )
    parquet.write_table(table, tmp_path / "rows.parquet")
    (batch,) = open_table(tmp_path / "rows.parquet").batches()
    assert batch.columns == {
        "price": [1.25, None],
        "day": [datetime(2026, 3, 4, tzinfo=UTC), None],
        "at": [datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), None],
    }
