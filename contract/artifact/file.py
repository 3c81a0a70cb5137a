"""Read an artifact from disk: its bytes, contract and version, without running anything.

    model.onnx ──▶ bytes ──▶ contract.onnx.reader: is there only one way to read this ONNX file? ─┬─▶ contract
                     └─▶ version = first 12 hex digits of the SHA-256                             └─▶ IR version, opsets

Imports neither ONNX Runtime nor NumPy. Some parts need the contract but run no model, and the service's parent process
must not load ONNX Runtime before it forks its workers.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from contract.artifact.contract import METADATA_KEY, VERSION_DIGITS, ModelContract
from contract.errors import ArtifactError
from contract.files import open_regular
from contract.onnx.reader import (
    MAX_MODEL_BYTES,
    ExternalDataError,
    NotOnnxError,
    Summary,
    UnplainOnnxError,
    inspect,
)
from contract.shipped_models import shipped_names


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An artifact on disk. Its contract has been read; its graph has not run yet."""

    path: Path
    data: bytes
    contract: ModelContract
    sha256: str
    """SHA-256 of the bytes, in hex."""
    summary: Summary = field(default_factory=Summary)

    @property
    def version(self) -> str:
        """The version that identifies the artifact in documents, responses and the model folder."""
        return self.sha256[:VERSION_DIGITS]


def read_file(path: Path) -> ModelFile:
    """Read an artifact's bytes and contract without running it.

    Raises:
        ArtifactError: there is no such file, it is no artifact, or its contract is damaged.
    """
    return of_bytes(path, _bytes_of(path))


def of_bytes(path: Path, data: bytes) -> ModelFile:
    """Parse an artifact from bytes; `path` names their origin in messages.

    Raises:
        ArtifactError: the bytes are no artifact. Raises no other exception, whatever the bytes are.
    """
    try:
        return _of_bytes(path, data)
    except ArtifactError:
        raise
    except Exception as error:  # noqa: BLE001  untrusted bytes: an error in reading them must not end a service
        raise ArtifactError(
            f"{path} cannot be read ({type(error).__name__}: {str(error)[:200]}); convert the model again"
        ) from None


def _of_bytes(path: Path, data: bytes) -> ModelFile:
    try:
        summary = inspect(data)
    except ExternalDataError:
        raise ArtifactError(
            f"{path} is refused: it keeps weights in other files (external data), and an artifact is one file; "
            "convert the model again with `oversight convert`"
        ) from None
    except UnplainOnnxError as error:
        raise ArtifactError(
            f"{path} is refused: ONNX Runtime may not read it as Oversight does ({error}); "
            f"convert the model again with `oversight convert`"
        ) from None
    except NotOnnxError as error:
        raise ArtifactError(
            f"{path} is not an ONNX model ({error}); run `oversight train`, or set OVERSIGHT_MODEL to an artifact"
        ) from None
    text = summary.metadata.get(METADATA_KEY)
    if text is None:
        raise ArtifactError(
            f"{path} is an ONNX model without Oversight's contract ({METADATA_KEY!r} in its metadata); "
            f"make an artifact of the Keras model with `oversight convert`"
        )
    try:
        contract = ModelContract.from_json(text)
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}; correct that, and convert the model again") from None
    return ModelFile(path, data, contract, hashlib.sha256(data).hexdigest(), summary)


def _bytes_of(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_MODEL_BYTES:
                raise ArtifactError(
                    f"{path} has {size:,} bytes, and an artifact has {MAX_MODEL_BYTES:,} at most, since "
                    f"every process of the service holds it in memory; convert a smaller model"
                )
            return file.read(MAX_MODEL_BYTES)
    except FileNotFoundError:
        raise ArtifactError(
            f"there is no model at {path}; run `oversight train`, or set OVERSIGHT_MODEL to a path or to the name of a "
            f"shipped model ({', '.join(shipped_names())})"
        ) from None
    except IsADirectoryError:
        raise ArtifactError(
            f"{path} is a folder; set OVERSIGHT_MODEL to the file in it, such as {path / 'model.onnx'}, "
            f"or make it a model folder with `oversight model --model {path} add FILE`"
        ) from None
    except OSError as error:
        raise ArtifactError(
            f"the model {path} cannot be read ({error.strerror}); check its permissions, or set OVERSIGHT_MODEL"
        ) from None
    except MemoryError:
        raise ArtifactError(f"the model {path} cannot be read (out of memory); convert a smaller model") from None
