"""Changes of a model folder by commands: add, list, activate, roll back, set a shadow.

    FILE ──add──▶ tried, stored under its version ──activate──▶ active.json ──▶ every running service follows it
                                                  ◀─rollback──

Each command replaces the pointer once, under a lock, so two commands at once do not undo each other.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from contract import hints
from contract.artifact.contract import ModelContract
from contract.artifact.file import ModelFile
from contract.artifact.proof import proof_in_words
from contract.errors import ArtifactError
from enrich_service.model.model_file import (
    difference,
    read,
    read_version,
    refuse_unpinned,
    unreadable_beside,
)
from enrich_service.model.pointer import (
    Pointer,
    is_model_folder,
    locked,
    read_pointer,
    unknown_version,
    version_path,
    versions_in,
    write_pointer,
    write_whole,
)
from enrich_service.versions.tryout import try_out

MIN_DIGITS = 4
"""Fewest digits of a version that is given by its beginning."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One version in a list."""

    version: str
    id: str | None
    """Name of the model; None if the file is no artifact any more."""
    size_bytes: int
    added: datetime
    role: str
    """`active`, `shadow`, `previous` or nothing."""
    proof: str | None
    """What the converted model was compared with, and the figures, in words."""


@dataclass(frozen=True, slots=True)
class Change:
    """The pointer before and after a command."""

    before: Pointer
    now: Pointer


class ModelStore:
    """A model folder.

    Args:
        folder: path of the folder, which may not exist yet.
        digests: allowed SHA-256 of artifacts; empty: all are allowed.
    Raises:
        ArtifactError: the path is a file.
    """

    def __init__(self, folder: Path, *, digests: Collection[str] = ()) -> None:
        if folder.is_file():
            raise ArtifactError(
                f"{folder} is an artifact, not a model folder; to keep several versions, name a folder with --model, "
                f"or set OVERSIGHT_MODEL to it"
            )
        self.folder, self._digests = folder, digests

    def add(self, file: Path) -> ModelFile:
        """Check and try an artifact, and store it under its version; the same version is not written again.

        Raises:
            ArtifactError: it cannot be served, or cannot be written.
        """
        model = read(file)
        refuse_unpinned(model, self._digests)
        try_out(model)
        target = version_path(self.folder, model.version)
        if not target.is_file() or target.read_bytes() != model.data:
            write_whole(target, model.data)
        return model

    def versions(self) -> list[Stored]:
        """The versions in the folder, the newest first.

        Raises:
            ArtifactError: there is no model folder, or its pointer is damaged.
        """
        pointer = self.pointer()
        return [self._stored(version, pointer) for version in versions_in(self.folder)]

    def pointer(self) -> Pointer:
        """The pointer of the folder.

        Raises:
            ArtifactError: as for `versions`.
        """
        if not is_model_folder(self.folder):
            raise ArtifactError(
                f"{self.folder} is not a model folder; make it one with `oversight model --model "
                f"{self.folder} add FILE`"
            )
        return read_pointer(self.folder)

    def activate(self, name: str, *, foreign: bool = False) -> Change:
        """Make a version active; an artifact that is given as a file is added first.

        Args:
            name: a version, its first digits, or the path of an artifact.
            foreign: allow another model, or one that reads other fields than the active one.
        Raises:
            ArtifactError: no such version, it cannot be served, or it is foreign without permission.
        """
        model = self._named(name)
        with locked(self.folder):
            pointer = read_pointer(self.folder)
            why = self._difference(model, pointer.active)
            if why is not None and not foreign:
                raise ArtifactError(
                    f"version {model.version} {why}; run {hints.run('provision')} with it first, then add --foreign"
                )
            if pointer.active == model.version:
                now = replace(pointer, foreign=foreign)
            else:
                before = (pointer.active,) if pointer.active else ()
                now = replace(pointer, active=model.version, previous=before + pointer.previous, foreign=foreign)
            return self._point(pointer, self._with_fitting_shadow(now, model))

    def rollback(self) -> Change:
        """Switch back to the version that was active before.

        Raises:
            ArtifactError: there is none, or it cannot be read any more.
        """
        self.pointer()
        with locked(self.folder):
            pointer = read_pointer(self.folder)
            if not pointer.previous:
                raise ArtifactError(
                    f"there is nothing to roll back to in {self.folder}: no version was active before "
                    f"{pointer.active or 'the first'}; `oversight model list` shows the versions"
                )
            model = read_version(self.folder, pointer.previous[0])
            refuse_unpinned(model, self._digests)
            foreign = self._difference(model, pointer.active) is not None
            now = replace(pointer, active=model.version, previous=pointer.previous[1:], foreign=foreign)
            return self._point(pointer, self._with_fitting_shadow(now, model))

    def shadow(self, name: str | None) -> Change:
        """Make a version, or a file, the shadow of the active version; None removes the shadow.

        Raises:
            ArtifactError: no such version, it is the active one, or it reads fields that the active one does not.
        """
        self.pointer()
        model = None if name is None else self._named(name)
        with locked(self.folder):
            pointer = read_pointer(self.folder)
            if model is None:
                return self._point(pointer, replace(pointer, shadow=None))
            if pointer.active is None or model.version == pointer.active:
                raise ArtifactError(
                    f"version {model.version} cannot be a shadow of {pointer.active or 'nothing'}; activate "
                    "one version, "
                    f"and name another as its shadow"
                )
            problem = unreadable_beside(model.contract, read_version(self.folder, pointer.active).contract)
            if problem is not None:
                raise ArtifactError(
                    f"version {model.version} {problem}; clients would not send them, so it cannot be the shadow"
                )
            return self._point(pointer, replace(pointer, shadow=model.version))

    def _named(self, name: str) -> ModelFile:
        """The artifact of a version, of the beginning of a version, or of a file."""
        there = versions_in(self.folder)
        found = [version for version in there if len(name) >= MIN_DIGITS and version.startswith(name)]
        if len(found) == 1:
            model = read_version(self.folder, found[0])
            refuse_unpinned(model, self._digests)
            try_out(model)
            return model
        if not found and Path(name).exists():
            return self.add(Path(name))
        if not found and not re.fullmatch(r"[0-9a-f]{4,64}", name):
            raise ArtifactError(f"{name} is neither a file nor a version; `oversight model list` shows the versions")
        raise unknown_version(self.folder, name)

    def _difference(self, model: ModelFile, active: str | None) -> str | None:
        """Why a model is foreign to the active one; None also if that one cannot be read any more."""
        contract = self._contract(active)
        return None if contract is None else difference(model.contract, contract)

    def _with_fitting_shadow(self, pointer: Pointer, active: ModelFile) -> Pointer:
        """The pointer without its shadow if that is now active, or reads fields that clients do not send any more."""
        contract = self._contract(pointer.shadow)
        if contract is None or pointer.shadow == active.version or unreadable_beside(contract, active.contract):
            return replace(pointer, shadow=None)
        return pointer

    def _contract(self, version: str | None) -> ModelContract | None:
        """The contract of a version; None if its file is missing or damaged."""
        if version is None:
            return None
        try:
            return read_version(self.folder, version).contract
        except ArtifactError:
            return None

    def _point(self, before: Pointer, now: Pointer) -> Change:
        write_pointer(self.folder, now)
        return Change(before, now)

    def _stored(self, version: str, pointer: Pointer) -> Stored:
        contract = self._contract(version)
        role = next(
            (role for role, its in (("active", pointer.active), ("shadow", pointer.shadow)) if its == version),
            "previous" if version in pointer.previous else "",
        )
        status = version_path(self.folder, version).stat()
        return Stored(
            version,
            None if contract is None else contract.name,
            status.st_size,
            datetime.fromtimestamp(status.st_mtime, UTC),
            role,
            None if contract is None else proof_in_words(contract),
        )
