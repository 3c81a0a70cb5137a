"""Read the artifact of a path, which is a file or a model folder; check whether a model can replace another."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from contract.artifact.contract import ModelContract
from contract.artifact.file import ModelFile, read_file
from contract.errors import ArtifactError
from enrich_service.model.pointer import active_version, is_model_folder, unknown_version, version_path, versions_in


def read_contract(path: Path) -> ModelContract:
    """The contract of an artifact, without running it.

    Raises:
        ArtifactError: no such file, not an artifact, or a damaged contract.
    """
    return read(path).contract


def read(path: Path) -> ModelFile:
    """Read an artifact's bytes and contract without running it; in a model folder, of the active version.

    Raises:
        ArtifactError: no such file, not an artifact, a damaged contract, or the file of another version.
    """
    if is_model_folder(path):
        return read_version(path, active_version(path))
    return read_file(path)


def read_version(folder: Path, version: str) -> ModelFile:
    """Read a version of a model folder.

    Raises:
        ArtifactError: the folder does not have it, or its file is damaged or of another version.
    """
    path = version_path(folder, version)
    if version not in versions_in(folder):
        raise unknown_version(folder, version)
    model = read_file(path)
    if model.version != version:
        raise not_that_version(model, version)
    return model


def not_that_version(model: ModelFile, version: str) -> ArtifactError:
    """The error for a file of a version that has other bytes."""
    return ArtifactError(
        f"{model.path} holds version {model.version} instead of {version}: it was changed after it was added; "
        f"remove it and add the artifact again with `oversight model add FILE`"
    )


def refuse_unpinned(model: ModelFile, digests: Collection[str]) -> None:
    """Refuse an artifact that OVERSIGHT_MODEL_SHA256 does not name; without digests, accept any.

    Raises:
        ArtifactError: names both.
    """
    if digests and model.sha256 not in digests:
        raise ArtifactError(
            f"{model.path} has the SHA-256 {model.sha256}, which is not in OVERSIGHT_MODEL_SHA256 "
            f"({', '.join(sorted(digests))}); "
            f"serve the artifact that is pinned, or add this digest to the variable and restart the service"
        )


def difference(new: ModelContract, old: ModelContract) -> str | None:
    """Why a model cannot replace another one unless the operator allows it; None: it can.

    Clients and pipelines produce the fields of the old model; another name or other fields require changes there.
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
    """Why a model cannot be the shadow of another; None: it can. Clients send only the fields of the active model."""
    lacking = sorted(set(shadow.fields) - set(active.fields))
    if not lacking:
        return None
    return f"reads fields that the active one does not ({', '.join(lacking[:5])}{' …' if len(lacking) > 5 else ''})"
