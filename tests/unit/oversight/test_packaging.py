"""What a wheel carries: every file that the program reads, not the Python ones alone."""

from __future__ import annotations

import fnmatch
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LEFT_OUT = ("*.keras",)
"""Weights that only training reads, from a checkout."""


def test_every_file_of_a_package_is_in_a_wheel() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    carried = (*setuptools["package-data"]["*"], *LEFT_OUT, "*.py")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    if listed.returncode:
        pytest.skip("no git checkout: what belongs to a package is not known")
    packages = [f"{name.rstrip('*')}/*" for name in setuptools["packages"]["find"]["include"]]
    ours = [name for name in listed.stdout.splitlines() if any(fnmatch.fnmatch(name, one) for one in packages)]
    assert len(ours) > 100
    assert not [name for name in ours if not any(fnmatch.fnmatch(Path(name).name, one) for one in carried)]
