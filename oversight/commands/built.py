"""What `oversight train` leaves in build/, for the commands that go on from there.

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
"""Where models are made; one becomes the shipped one only where an option says so."""
KERAS_FILE, CONTRACT_FILE, ARTIFACT_FILE = "model.keras", "contract.json", "model.onnx"
REPORT_FILE, CARD_FILE = "report.json", "MODEL_CARD.md"


@dataclass(frozen=True)
class Trained:
    """The newest trained model, and the folders of the others."""

    folder: Path
    others: tuple[Path, ...]

    @property
    def note(self) -> str | None:
        """What a person should know where there was a choice."""
        if not self.others:
            return None
        return (
            f"{BUILD}/ has {1 + len(self.others)} trained models: using the newest, {self.folder.name}; for another, "
            f"add --model, such as --model {self.others[0] / KERAS_FILE}"
        )


def newest_trained(build: Path = BUILD) -> Trained:
    """The model that was trained last.

    Raises:
        InputError: there is none.
    """
    found = sorted(build.glob(f"*/{KERAS_FILE}"), key=lambda path: (path.stat().st_mtime_ns, path), reverse=True)
    if not found:
        raise InputError(
            f"{build}/ contains no trained model ({build}/*/{KERAS_FILE}); run `oversight train` first, or name a "
            f"model with --model"
        )
    return Trained(found[0].parent, tuple(path.parent for path in found[1:]))


def version_of(path: Path) -> str | None:
    """The version of the artifact in a file, None where there is no file."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:VERSION_DIGITS]
    except OSError:
        return None


def newer_artifact(than: Path, name: str, build: Path = BUILD) -> Path | None:
    """The artifact of this name in build/, where it is another and newer than this one."""
    built = build / name / ARTIFACT_FILE
    if not built.is_file() or built.resolve() == than.resolve() or version_of(built) == version_of(than):
        return None
    return built if built.stat().st_mtime_ns > than.stat().st_mtime_ns else None
