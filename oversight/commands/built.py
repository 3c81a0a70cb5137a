"""What `oversight train` leaves in build/, for the commands that use it.

oversight train ─▶ build/<model>/{model.keras, contract.json, model.onnx, report.json, MODEL_CARD.md}
                ─▶ oversight convert
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from contract.artifact.contract import VERSION_DIGITS
from contract.errors import InputError

BUILD = Path("build")
"""Folder of new models. A command replaces the shipped model only if an option says so."""
KERAS_FILE, CONTRACT_FILE, ARTIFACT_FILE = "model.keras", "contract.json", "model.onnx"
REPORT_FILE, CARD_FILE = "report.json", "MODEL_CARD.md"


@dataclass(frozen=True)
class Trained:
    """The newest trained model, and the folders of the others."""

    folder: Path
    others: tuple[Path, ...]

    @property
    def note(self) -> str | None:
        """What to tell the user if there is more than one model."""
        if not self.others:
            return None
        return (
            f"{BUILD}/ has {1 + len(self.others)} trained models: using the newest, {self.folder.name}; for another, "
            f"add --model, such as --model {self.others[0] / KERAS_FILE}"
        )


def newest_trained(build: Path = BUILD) -> Trained:
    """Return the model that was trained last.

    Raises:
        InputError: there is none.
    """
    models = sorted(build.glob(f"*/{KERAS_FILE}"), key=lambda path: (path.stat().st_mtime_ns, path), reverse=True)
    if not models:
        raise InputError(
            f"{build}/ contains no trained model ({build}/*/{KERAS_FILE}); run `oversight train` first, or name a "
            f"model with --model"
        )
    return Trained(models[0].parent, tuple(path.parent for path in models[1:]))


def version_of(path: Path) -> str | None:
    """Return the version of the artifact in a file; None if there is no file."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:VERSION_DIGITS]
    except OSError:
        return None


def newer_artifact(than: Path, name: str, build: Path = BUILD) -> Path | None:
    """Return the artifact with this name in build/, if it differs from this one and is newer."""
    built = build / name / ARTIFACT_FILE
    if not built.is_file() or built.resolve() == than.resolve() or version_of(built) == version_of(than):
        return None
    return built if built.stat().st_mtime_ns > than.stat().st_mtime_ns else None
