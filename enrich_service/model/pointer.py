"""A model folder: versions of a model, and a small file that says which of them answers.

    FOLDER/
      active.json               {"format": 1, "active": "4324a78c35e4", "previous": ["0a…"], "shadow": null, ...}
      versions/
        4324a78c35e4.onnx       named by the first 12 hex digits of its SHA-256, never written again
        0a1b2c3d4e5f.onnx

The pointer is replaced in one step (written beside, synced, renamed): whoever reads it sees the old or the new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import atomic_file
from contract.artifact.contract import VERSION_DIGITS
from contract.errors import ArtifactError, shorten
from contract.files import open_regular

POINTER, VERSIONS = "active.json", "versions"
FORMAT = 1
"""Raised when an older reader could misread a newer pointer; another number is refused."""
MAX_PREVIOUS = 20
"""How many activations a rollback can go back."""
MAX_POINTER_BYTES = 64 * 1024

_VERSION = re.compile(rf"[0-9a-f]{{{VERSION_DIGITS}}}")
"""A version becomes the name of a file, so nothing else may stand there."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a model folder's `active.json` says."""

    active: str | None = None
    """Version that answers; None: none was activated yet."""
    previous: tuple[str, ...] = ()
    """Versions that were active before, the latest first."""
    shadow: str | None = None
    """Version that answers beside the active one."""
    foreign: bool = False
    """The step to `active` may change the model's name or the fields that it reads."""


def is_model_folder(path: Path) -> bool:
    """Whether a path is a folder that holds versions, and that may be looked into."""
    try:
        return path.is_dir() and ((path / POINTER).exists() or (path / VERSIONS).is_dir())
    except OSError:
        return False


def version_path(folder: Path, version: str) -> Path:
    """Where a version's file stands."""
    return folder / VERSIONS / f"{version}.onnx"


def artifact_path(path: Path) -> Path:
    """The file that a path stands for: itself, or the active version's of a model folder.

    Raises:
        ArtifactError: the pointer is damaged, or names no version.
    """
    return version_path(path, active_version(path)) if is_model_folder(path) else path


def versions_in(folder: Path) -> list[str]:
    """The versions that are there, the one added last first."""
    found = [path for path in (folder / VERSIONS).glob("*.onnx") if _VERSION.fullmatch(path.stem)]
    return [path.stem for path in sorted(found, key=lambda path: (-_changed_ns(path), path.name))]


def _changed_ns(path: Path) -> int:
    """When a file changed; 0 where it is gone meanwhile."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def active_version(folder: Path) -> str:
    """The version that answers.

    Raises:
        ArtifactError: the pointer is damaged, or names none.
    """
    version = read_pointer(folder).active
    if version is None:
        raise no_active_version(folder)
    return version


def no_active_version(folder: Path) -> ArtifactError:
    """A model folder's pointer names none."""
    return ArtifactError(
        f"no version is active in the model folder {folder} (there: {_listed(folder)}); "
        f"choose one with `oversight model activate VERSION`, or a file with `oversight model activate FILE`"
    )


def unknown_version(folder: Path, version: str) -> ArtifactError:
    """A model folder does not hold that version."""
    return ArtifactError(
        f"the model folder {folder} has no version {version} (there: {_listed(folder)}); "
        f"name one of those, or add it with `oversight model add FILE`"
    )


def _listed(folder: Path) -> str:
    there = versions_in(folder)
    return f"{', '.join(there[:8])}{' …' if len(there) > 8 else ''}" if there else "none yet"


def read_pointer(folder: Path) -> Pointer:
    """What the pointer says; an empty one where there is none yet.

    Raises:
        ArtifactError: it cannot be read, or is no pointer.
    """
    path = folder / POINTER
    try:
        with open_regular(path) as file:
            data = json.loads(file.read(MAX_POINTER_BYTES))
    except FileNotFoundError:
        return Pointer()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error.strerror}); check its permissions") from None
    except (ValueError, RecursionError):
        raise _damaged(path, "is not JSON") from None
    return _checked(path, data)


def write_pointer(folder: Path, pointer: Pointer) -> None:
    """Replace the pointer in one step; it is on the disk when this returns.

    Raises:
        ArtifactError: the folder cannot be written.
    """
    data = {
        "format": FORMAT,
        "active": pointer.active,
        "previous": list(pointer.previous[:MAX_PREVIOUS]),
        "shadow": pointer.shadow,
        "foreign": pointer.foreign,
    }
    write_whole(folder / POINTER, json.dumps(data, indent=2).encode() + b"\n")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees half of it, and a power cut leaves the old or the new one.

    Raises:
        ArtifactError: it cannot be written.
    """
    try:
        atomic_file.write(path, data)  # readable for all: the service may run as another user
    except OSError as error:
        raise ArtifactError(
            f"{path} cannot be written ({error.strerror}); check the permissions of the model folder and the "
            "space there"
        ) from None


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one command at a time change a model folder.

    Raises:
        ArtifactError: there is no such folder, or it cannot be opened.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise ArtifactError(f"the model folder {folder} cannot be opened ({error.strerror}); check the path") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _checked(path: Path, data: Any) -> Pointer:
    if not isinstance(data, dict):
        raise _damaged(path, "is not a JSON object")
    written = data.get("format")
    if type(written) is int and written > FORMAT:
        raise ArtifactError(
            f"a newer Oversight wrote {path} (format {shorten(written)}, this one reads {FORMAT}), and it was "
            "left as it is; "
            f"run the newer Oversight, or name another model folder"
        )
    if written != FORMAT:
        raise _damaged(path, f"has format {shorten(written)}, this Oversight reads {FORMAT}")
    previous, foreign = data.get("previous", []), data.get("foreign", False)
    if not isinstance(previous, list):
        raise _damaged(path, f"has `previous` {shorten(previous)}, which is not a list")
    if not isinstance(foreign, bool):
        raise _damaged(path, f"has `foreign` {shorten(foreign)}, which is not a boolean")
    for name, value in (
        ("active", data.get("active")),
        ("shadow", data.get("shadow")),
        *(("previous", v) for v in previous),
    ):
        if value is not None and not (isinstance(value, str) and _VERSION.fullmatch(value)):
            raise _damaged(path, f"has {shorten(value)} as `{name}`, which is not a version")
    return Pointer(data.get("active"), tuple(filter(None, previous)), data.get("shadow"), foreign)


def _damaged(path: Path, what: str) -> ArtifactError:
    return ArtifactError(
        f"{path} {what}; expected what `oversight model activate` writes: move the file away and activate a "
        "version again"
    )
