"""What messages and pages send a person to is there: every command that they name exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from oversight.cli import COMMANDS
from tests.conftest import ROOT

ENDINGS = (".md", ".painless", ".py", ".yml")


def _texts() -> list[Path]:
    """Files of the project that a person reads, or whose strings a person is shown; decisions may speak of plans."""
    git = shutil.which("git") or "git"
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout here")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name.endswith(ENDINGS)]
    return [path for path in paths if path.is_file() and not path.is_relative_to(ROOT / "docs" / "decisions")]


def test_every_command_that_is_named_exists() -> None:
    """Commands stand in backticks, in console blocks and after `run:`."""
    named = {
        (match, path.relative_to(ROOT).as_posix())
        for path in _texts()
        for match in re.findall(r"(?:`|\$ )oversight ([a-z]+)", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    assert [entry for entry in sorted(named) if entry[0] not in COMMANDS] == []
