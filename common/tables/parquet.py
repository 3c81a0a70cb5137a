"""Rows of a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from common.tables.batch import Batch
from common.tables.bounds import BATCH_CELLS, check_names
from common.tables.json_lines import batch_of, flat
from contract.distribution import how_to_install
from contract.errors import InputError, SettingsError


def batches(stream: BinaryIO, path: Path, size: int) -> Iterator[Batch]:
    """The rows of a file, with dotted names in place of nested columns.

    Raises:
        InputError: it is no Parquet file.
        SettingsError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise SettingsError(
            f"reading {path} needs the package pyarrow; {how_to_install('parquet')}, or save the rows as CSV"
        ) from None
    try:
        first = 1
        file = parquet.ParquetFile(stream)
        check_names(file.schema_arrow.names, path)
        size = max(1, min(size, BATCH_CELLS // max(1, len(file.schema_arrow.names))))
        for part in file.iter_batches(batch_size=size):
            if any(pyarrow.types.is_struct(column.type) for column in part.schema):
                yield batch_of(first, [flat(row) for row in part.to_pylist()], {})
            else:
                yield Batch(first, part.num_rows, {name: _values(part.column(name)) for name in part.schema.names})
            first += part.num_rows
    except pyarrow.ArrowException as error:
        raise InputError(f"{path} is not a Parquet file ({str(error).splitlines()[0]}); write it again") from None
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(f"{path} has a value that cannot be read ({error}); write it as text") from None


def _values(column: Any) -> list[Any]:
    """The values of a column; decimals as floats, dates as their midnight, times without nanoseconds."""
    import pyarrow

    kind = column.type
    if pyarrow.types.is_decimal(kind):
        column = column.cast(pyarrow.float64())
    elif pyarrow.types.is_date(kind):
        column = column.cast(pyarrow.timestamp("ms", "UTC"))
    elif pyarrow.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pyarrow.timestamp("us", kind.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values
