"""The artifact as it stands on disk: bytes, contract and version, read without running anything.

    model.onnx ──▶ bytes ─┬─▶ contract, from the metadata
                          └─▶ version = first 12 hex digits of their SHA-256

Nothing here imports ONNX Runtime or NumPy: the contract is wanted where no model runs, and the service's parent process
must not have ONNX Runtime in it when it forks its workers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from contract.artifact import METADATA_KEY, VERSION_DIGITS, ModelContract
from contract.errors import ArtifactError
from enrich_service import onnx_file


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An artifact as it stands on disk, its contract read and its graph not yet run."""

    path: Path
    data: bytes
    contract: ModelContract
    version: str


def read_contract(path: Path) -> ModelContract:
    """The contract of an artifact, without running it.

    Raises:
        ArtifactError: no such file, not an artifact, or a damaged contract.
    """
    return read(path).contract


def read(path: Path) -> ModelFile:
    """Read an artifact's bytes and contract, without running it.

    Raises:
        ArtifactError: no such file, not an artifact, or a damaged contract.
    """
    data = _bytes_of(path)
    try:
        text = onnx_file.metadata(data).get(METADATA_KEY)
        external = onnx_file.has_external_data(data)
    except onnx_file.NotOnnxError as error:
        raise ArtifactError(
            f"{path} is no ONNX model ({error}); run `oversight train`, or set OVERSIGHT_MODEL to an artifact"
        ) from None
    if text is None:
        raise ArtifactError(
            f"{path} is an ONNX model without Oversight's contract ({METADATA_KEY!r} in its metadata); "
            f"make an artifact of the Keras model with `oversight convert`"
        )
    if external:
        raise ArtifactError(
            f"{path} keeps weights in other files (external data), which is refused: an artifact is one file; "
            f"convert the model again with `oversight convert`"
        )
    try:
        contract = ModelContract.from_json(text)
    except (ArtifactError, RecursionError) as error:
        raise ArtifactError(f"{path}: {error}") from None
    return ModelFile(path, data, contract, hashlib.sha256(data).hexdigest()[:VERSION_DIGITS])


def _bytes_of(path: Path) -> bytes:
    if path.is_dir():
        raise ArtifactError(f"{path} is a folder; set OVERSIGHT_MODEL to the file in it, such as {path / 'model.onnx'}")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ArtifactError(
            f"there is no model at {path}; run `oversight train`, or set OVERSIGHT_MODEL to an artifact"
        ) from None
    except OSError as error:
        raise ArtifactError(
            f"the model {path} cannot be read ({error.strerror}); check its permissions, or set OVERSIGHT_MODEL"
        ) from None
