"""Rows of a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from common.tables.batch import Batch
from common.tables.json_lines import batch_of, flat
from contract.distribution import install_command
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
            f"reading {path} needs the package pyarrow; run `{install_command('parquet')}`, or save the rows as CSV"
        ) from None
    try:
        first = 1
        for part in parquet.ParquetFile(stream).iter_batches(batch_size=size):
            if any(pyarrow.types.is_struct(column.type) for column in part.schema):
                yield batch_of(first, [flat(row) for row in part.to_pylist()], {})
            else:
                yield Batch(first, part.num_rows, {name: part.column(name).to_pylist() for name in part.schema.names})
            first += part.num_rows
    except pyarrow.ArrowException as error:
        raise InputError(f"{path} is not a Parquet file ({str(error).splitlines()[0]}); write it again") from None
