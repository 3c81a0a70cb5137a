"""A model folder: versions of a model, and a small file (the pointer) that names the active one.

    FOLDER/
      active.json               {"format": 1, "active": "4324a78c35e4", "previous": ["0a…"], "shadow": null, ...}
      versions/
        4324a78c35e4.onnx       named after the first 12 hex digits of its SHA-256, never changed
        0a1b2c3d4e5f.onnx

The pointer is replaced atomically, so a reader sees the old or the new one.
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
"""Increased when an older version could misread a newer pointer; readers refuse other numbers."""
MAX_PREVIOUS = 20
"""Number of activations that can be rolled back."""
MAX_POINTER_BYTES = 64 * 1024

_VERSION = re.compile(rf"[0-9a-f]{{{VERSION_DIGITS}}}")
"""A version becomes the name of a file, so it can be nothing else."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Content of a model folder's `active.json`."""

    active: str | None = None
    """Version that predicts; None: no version has been activated."""
    previous: tuple[str, ...] = ()
    """Earlier active versions, the latest first."""
    shadow: str | None = None
    """Version of the shadow."""
    foreign: bool = False
    """The active version may have another name or read other fields than the one before."""


def is_model_folder(path: Path) -> bool:
    """Whether a path is a readable folder with versions."""
    try:
        return path.is_dir() and ((path / POINTER).exists() or (path / VERSIONS).is_dir())
    except OSError:
        return False


def version_path(folder: Path, version: str) -> Path:
    """Path of a version's file."""
    return folder / VERSIONS / f"{version}.onnx"


def artifact_path(path: Path) -> Path:
    """The artifact of a path: the file itself, or the active version of a model folder.

    Raises:
        ArtifactError: the pointer is damaged, or names no version.
    """
    return version_path(path, active_version(path)) if is_model_folder(path) else path


def versions_in(folder: Path) -> list[str]:
    """The versions in a model folder, the newest first."""
    found = [path for path in (folder / VERSIONS).glob("*.onnx") if _VERSION.fullmatch(path.stem)]
    return [path.stem for path in sorted(found, key=lambda path: (-_changed_ns(path), path.name))]


def _changed_ns(path: Path) -> int:
    """Time of the last change of a file; 0 if it has just been deleted."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def active_version(folder: Path) -> str:
    """The active version; raises as `active_pointer`."""
    return str(active_pointer(folder).active)


def active_pointer(folder: Path) -> Pointer:
    """The pointer of a folder with an active version.

    Raises:
        ArtifactError: the pointer is damaged, or names no version.
    """
    pointer = read_pointer(folder)
    if pointer.active is None:
        raise ArtifactError(
            f"no version is active in the model folder {folder} (there: {_listed(folder)}); "
            f"choose one with `oversight model activate VERSION`, or a file with `oversight model activate FILE`"
        )
    return pointer


def unknown_version(folder: Path, version: str) -> ArtifactError:
    """The error for a version that a model folder does not have."""
    return ArtifactError(
        f"the model folder {folder} has no version {version} (there: {_listed(folder)}); "
        f"name one of those, or add it with `oversight model add FILE`"
    )


def _listed(folder: Path) -> str:
    there = versions_in(folder)
    return f"{', '.join(there[:8])}{' …' if len(there) > 8 else ''}" if there else "none yet"


def read_pointer(folder: Path) -> Pointer:
    """The pointer of a folder; an empty one if there is no file yet.

    Raises:
        ArtifactError: the file cannot be read, or is no pointer.
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
    """Replace the pointer atomically; it is on disk when this returns.

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
    """Write a file atomically; a power cut leaves the old or the new one.

    Raises:
        ArtifactError: it cannot be written.
    """
    try:
        atomic_file.write(path, data)  # everyone may read it: the service may run as another user
    except OSError as error:
        raise ArtifactError(
            f"{path} cannot be written ({error.strerror}); check the permissions of the model folder and the "
            "space there"
        ) from None


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a model folder, so that only one command at a time changes it.

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
