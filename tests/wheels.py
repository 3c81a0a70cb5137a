"""Builds wheels of this tree from a copy, because a build leaves files behind that a later build would include."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def copy_sources(folder: Path) -> Path:
    """Copy the source files of a wheel into a new folder."""
    folder.mkdir()
    parsed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for pattern in parsed["tool"]["setuptools"]["packages"]["find"]["include"]:
        name = pattern.rstrip("*")
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "trainings"))
    for name in ("pyproject.toml", parsed["project"]["readme"], *parsed["project"]["license-files"]):
        shutil.copy(ROOT / name, folder / name)
    return folder


def build(source: Path, folder: Path) -> Path:
    """Build a wheel into a new folder; returns the wheel."""
    words: list[str | Path] = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source]
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel
