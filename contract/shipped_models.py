"""The artifacts that come with Oversight, in `models/` beside the packages: found by name in every working folder."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "models"
FILE = "model.onnx"


def shipped_names() -> tuple[str, ...]:
    """The names of the shipped models, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob(f"*/{FILE}")))


def shipped_path(name: str) -> Path:
    """The artifact of a shipped model."""
    return FOLDER / name / FILE


def model_path(text: str) -> Path:
    """The path that a setting or an option means: a shipped model's by its name, any other text as it is.

    A file or folder in the working folder never changes what a name means. With a `/`, such as `./kdd99-flow`, a text
    is always a path.
    """
    return shipped_path(text) if text in shipped_names() else Path(text)
