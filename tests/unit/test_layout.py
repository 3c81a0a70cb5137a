"""The layout of the project: no folder, file or line is too long to read at once."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from oversight.own_packages import OURS
from tests.conftest import ROOT

MODULES = 12
LINES = 400
COLUMNS = 120
MANY = {"oversight/commands"}
"""One or two modules for each command."""
PRODUCT = sorted(OURS | {"oversight"})


def _sources() -> list[Path]:
    git = shutil.which("git") or "git"
    listed = subprocess.run([git, "ls-files", "-z", "*.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout here")
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_a_folder_of_the_product_has_at_most_a_dozen_modules() -> None:
    counted = Counter(
        path.parent.as_posix() for path in _sources() if path.parts[0] in PRODUCT and path.name != "__init__.py"
    )
    assert counted
    assert {folder: count for folder, count in counted.items() if count > MODULES and folder not in MANY} == {}


def test_a_package_has_a_docstring() -> None:
    silent = [
        path.as_posix()
        for path in _sources()
        if path.parts[0] in PRODUCT
        and path.name == "__init__.py"
        and not (ROOT / path).read_text("utf-8").startswith('"""')
    ]
    assert silent == []


def test_no_line_is_too_long_and_no_line_disables_the_formatter() -> None:
    skip = "fmt: " + "skip"
    found = [
        f"{path}:{number}"
        for path in _sources()
        for number, line in enumerate((ROOT / path).read_text("utf-8").splitlines(), 1)
        if len(line) > COLUMNS or skip in line
    ]
    assert found == []


def test_a_module_of_the_product_has_at_most_400_lines() -> None:
    found = [
        f"{path}: {count}"
        for path in _sources()
        if path.parts[0] in PRODUCT and (count := len((ROOT / path).read_text("utf-8").splitlines())) > LINES
    ]
    assert found == []
