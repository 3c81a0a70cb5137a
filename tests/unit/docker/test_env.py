"""`make env`: random secrets, in a file that only its owner can read; existing values stay."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

SCRIPT = ROOT / "docker" / "env.sh"
NEEDED = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")))


def _run(file: Path) -> tuple[str, dict[str, str]]:
    """The output of the script, and the variables in the file afterwards."""
    done = subprocess.run([SCRIPT, file], capture_output=True, text=True, check=True)
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return done.stdout, dict(line.split("=", 1) for line in lines)


def test_every_secret_of_the_compose_file_is_generated(tmp_path: Path) -> None:
    _, found = _run(tmp_path / ".env")
    assert set(found) >= NEEDED
    assert all(re.fullmatch(r"[0-9a-f]{48}", value) for value in found.values())


def test_no_two_secrets_are_equal(tmp_path: Path) -> None:
    _, one = _run(tmp_path / "one")
    _, other = _run(tmp_path / "other")
    assert len({*one.values(), *other.values()}) == len(one) + len(other)


def test_only_the_owner_may_read_the_file_also_if_it_was_readable_before(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("A=b\n", encoding="utf-8")
    (tmp_path / "old").chmod(0o644)
    for name in ("new", "old"):
        _run(tmp_path / name)
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_second_run_changes_nothing_and_says_so(tmp_path: Path) -> None:
    _run(tmp_path / ".env")
    before = (tmp_path / ".env").read_bytes()
    said, _ = _run(tmp_path / ".env")
    assert (tmp_path / ".env").read_bytes() == before
    assert "nothing was changed" in said


def test_existing_lines_stay_and_only_missing_ones_are_added(tmp_path: Path) -> None:
    """The last line has no line end: our first line must not be appended to it."""
    (tmp_path / ".env").write_text("STACK_VERSION=8.19.23\nELASTIC_PASSWORD=mine", encoding="utf-8")
    said, found = _run(tmp_path / ".env")
    assert (found["STACK_VERSION"], found["ELASTIC_PASSWORD"]) == ("8.19.23", "mine")
    assert set(found) >= NEEDED
    assert "ELASTIC_PASSWORD made" not in said


def test_no_secret_is_printed(tmp_path: Path) -> None:
    said, found = _run(tmp_path / ".env")
    assert not [value for value in found.values() if value in said]


def test_git_and_docker_ignore_the_file() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert kept[0] == "*"
    assert "!.env" not in kept


def test_make_env_runs_it(tmp_path: Path) -> None:
    """In a copy of the Makefile's folder, so a user's own `.env` stays."""
    make = shutil.which("make")
    if make is None:
        pytest.skip("no make on this machine")
    shutil.copytree(ROOT / "docker", tmp_path / "docker", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Makefile", tmp_path)
    subprocess.run([make, "env"], cwd=tmp_path, capture_output=True, check=True)
    assert set(_run(tmp_path / ".env")[1]) >= NEEDED


def test_the_file_has_no_name_that_a_local_command_would_read_as_a_setting(tmp_path: Path) -> None:
    _, found = _run(tmp_path / ".env")
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert compose["services"]
    assert not [name for name in found if name.startswith(("OVERSIGHT_", "ELASTICSEARCH_"))]
