"""The artifact as it stands on disk: bytes, contract and version, read without running anything.

    model.onnx, or the active version of a model folder ──▶ bytes ─┬─▶ contract, from the metadata
                                                                   └─▶ version = first 12 hex digits of their SHA-256

Nothing here imports ONNX Runtime or NumPy: the contract is wanted where no model runs, and the service's parent process
must not have ONNX Runtime in it when it forks its workers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from contract.artifact import METADATA_KEY, VERSION_DIGITS, ModelContract
from contract.errors import ArtifactError
from enrich_service import onnx_file
from enrich_service.pointer import active_version, is_model_folder, unknown_version, version_path


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An artifact as it stands on disk, its contract read and its graph not yet run."""

    path: Path
    data: bytes
    contract: ModelContract
    sha256: str
    """In hex; of the bytes as they were read."""

    @property
    def version(self) -> str:
        """What names it in documents, answers and the model folder."""
        return self.sha256[:VERSION_DIGITS]


def read_contract(path: Path) -> ModelContract:
    """The contract of an artifact, without running it.

    Raises:
        ArtifactError: no such file, not an artifact, or a damaged contract.
    """
    return read(path).contract


def read(path: Path) -> ModelFile:
    """Read an artifact's bytes and contract, without running it; of a model folder the active version's.

    Raises:
        ArtifactError: no such file, not an artifact, a damaged contract, or a file in the place of another version.
    """
    if is_model_folder(path):
        return read_version(path, active_version(path))
    return of_bytes(path, _bytes_of(path))


def read_version(folder: Path, version: str) -> ModelFile:
    """Read a version that a model folder holds.

    Raises:
        ArtifactError: it is not there, or the file in its place is another one or none at all.
    """
    path = version_path(folder, version)
    if not path.is_file():
        raise unknown_version(folder, version)
    model = of_bytes(path, _bytes_of(path))
    if model.version != version:
        raise not_that_version(model, version)
    return model


def of_bytes(path: Path, data: bytes) -> ModelFile:
    """The artifact that some bytes are; `path` is where they come from.

    Raises:
        ArtifactError: they are none.
    """
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
    return ModelFile(path, data, contract, hashlib.sha256(data).hexdigest())


def not_that_version(model: ModelFile, version: str) -> ArtifactError:
    """The file of a version holds other bytes."""
    return ArtifactError(
        f"{model.path} holds version {model.version} instead of {version}: it was changed after it was added; "
        f"remove it and add the artifact again with `oversight model add FILE`"
    )


def refuse_unpinned(model: ModelFile, digests: Collection[str]) -> None:
    """Refuse an artifact that OVERSIGHT_MODEL_SHA256 does not name; no digest at all pins nothing.

    Raises:
        ArtifactError: names both.
    """
    if digests and model.sha256 not in digests:
        raise ArtifactError(
            f"{model.path} has the SHA-256 {model.sha256}, which is not in OVERSIGHT_MODEL_SHA256 ({', '.join(sorted(digests))}); "
            f"serve the artifact that is pinned, or add this digest to the variable and start the service anew"
        )


def difference(new: ModelContract, old: ModelContract) -> str | None:
    """Why a model cannot take another's place without a word of its operator; None where it can.

    What clients send and what the pipelines make is the old model's: another name or other fields need both changed.
    """
    if new.name != old.name:
        return f"is the model {new.name!r}, and {old.name!r} is active"
    more, fewer = sorted(set(new.fields) - set(old.fields)), sorted(set(old.fields) - set(new.fields))
    if not more and not fewer:
        return None
    parts = [
        f"{what} {', '.join(some[:5])}{' …' if len(some) > 5 else ''}"
        for what, some in (("more:", more), ("fewer:", fewer))
        if some
    ]
    return f"reads other fields than the active one ({'; '.join(parts)})"


def unreadable_beside(shadow: ModelContract, active: ModelContract) -> str | None:
    """Why a model cannot be the shadow of another; None where it can. Clients send the active model's fields only."""
    lacking = sorted(set(shadow.fields) - set(active.fields))
    if not lacking:
        return None
    return f"reads fields that the active one does not ({', '.join(lacking[:5])}{' …' if len(lacking) > 5 else ''})"


def _bytes_of(path: Path) -> bytes:
    if path.is_dir():
        raise ArtifactError(
            f"{path} is a folder; set OVERSIGHT_MODEL to the file in it, such as {path / 'model.onnx'}, "
            f"or make it a model folder with `oversight model --model {path} add FILE`"
        )
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
