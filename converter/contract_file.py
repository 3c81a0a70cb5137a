"""A contract in a file of its own, and files that are written whole. Needs no TensorFlow."""

from __future__ import annotations

from pathlib import Path

from common import atomic_file
from contract.artifact.contract import ModelContract
from contract.errors import ArtifactError, InputError


def read_contract(path: Path) -> ModelContract:
    """Read the contract from a JSON file.

    Raises:
        InputError: the file cannot be read, or is no contract.
    """
    try:
        return ModelContract.from_json(path.read_text(encoding="utf-8"), written=True)
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror or error}); name the contract's file") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text; name the contract's JSON file") from None
    except ArtifactError as error:
        raise InputError(f"{path}: {error}") from None


def write(path: Path, content: bytes) -> None:
    """Write a file atomically: a reader sees the old file or the new one, never a part.

    Raises:
        InputError: the folder cannot be written to.
    """
    try:
        atomic_file.write(path, content)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror or error}); choose another path") from None
