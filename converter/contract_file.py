"""A contract in a file of its own, and files that are written whole. Needs no TensorFlow."""

from __future__ import annotations

from pathlib import Path

import orjson

from common import atomic_file
from contract.artifact.contract import ModelContract
from contract.artifact.json_reader import MAX_BYTES
from contract.errors import ArtifactError, InputError
from contract.files import open_regular


def read_contract(path: Path) -> ModelContract:
    """Read the contract from a JSON file.

    Raises:
        InputError: the file cannot be read, or is no contract.
    """
    try:
        with open_regular(path) as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path} has more than {MAX_BYTES:,} bytes, the most for a contract; shorten vocabularies")
        return ModelContract.from_json(content.decode(), written=True)
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror or error}); name the contract's file") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text; name the contract's JSON file") from None
    except ArtifactError as error:
        raise InputError(f"{path}: {error}") from None


def write_contract(path: Path, contract: ModelContract) -> None:
    """Write a contract as people read and change it.

    Raises:
        InputError: the folder cannot be written to.
    """
    write(path, orjson.dumps(contract.to_dict(), option=orjson.OPT_INDENT_2) + b"\n")


def write(path: Path, content: bytes) -> None:
    """Write a file atomically: a reader sees the old file or the new one, never a part.

    Raises:
        InputError: the folder cannot be written to.
    """
    try:
        atomic_file.write(path, content)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror or error}); choose another path") from None
