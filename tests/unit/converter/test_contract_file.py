"""A contract or a model that is not a regular file, or far too large, is refused at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from contract.artifact.json_reader import MAX_BYTES
from contract.errors import InputError, OversightError
from converter.adopt.adopt import read
from converter.contract_file import read_contract


def test_a_pipe_is_no_contract_and_no_model(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="cannot read"):
        read_contract(pipe)
    with pytest.raises(OversightError, match="cannot read"):
        read(pipe)


def test_a_contract_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "contract.json"
    path.write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(InputError, match=r"has more than 8,388,608 bytes, the most for a contract"):
        read_contract(path)


def test_a_contract_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "contract.json"
    path.write_bytes('{"name": "é"}'.encode("latin-1"))
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read_contract(path)
