"""How `.ci/run` judges skipped tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

PASSED = "===== 3 passed, 1 skipped in 2.00s =====\n"


def verdict(folder: Path, *reasons: str) -> tuple[int, str]:
    """Exit code and output of `.ci/skips`."""
    log = folder / "log"
    lines = [
        f"SKIPPED [{number}] tests/unit/test_it.py:{number}: {reason}\n" for number, reason in enumerate(reasons, 1)
    ]
    log.write_text("".join(["collected\n", *lines, PASSED]), encoding="utf-8")
    done = subprocess.run([ROOT / ".ci" / "skips", log], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_a_run_without_a_skip_passes(tmp_path: Path) -> None:
    assert verdict(tmp_path) == (0, "")


@pytest.mark.parametrize(
    "reason",
    [
        "no Chromium at /usr/bin/chromium (Debian: apt-get install chromium)",
        "no rsyslogd: omelasticsearch is absent",
        "no nginx",
        "the page's commands need curl",
        "an unexpected reason",
    ],
)
def test_a_skip_that_can_be_avoided_fails_and_is_printed(tmp_path: Path, reason: str) -> None:
    code, said = verdict(tmp_path, reason, "this engine has no write block")
    assert (code, said) == (1, f"SKIPPED [1] tests/unit/test_it.py:1: {reason}\n")


def test_a_skip_passes_if_this_machine_lacks_the_requirement(tmp_path: Path) -> None:
    root = "root may read every file" if os.geteuid() == 0 else "only root gives files away"
    assert verdict(tmp_path, "this engine has no write block", root) == (0, "")


def test_a_skip_fails_if_the_requirement_is_present(tmp_path: Path) -> None:
    """With and without real engines and data sets beside the checkout."""
    code, _ = verdict(tmp_path, "no data sets at ../shared/data")
    assert code == int((ROOT.parent / "shared" / "data").is_dir())


@pytest.mark.parametrize(
    ("log", "ending", "code", "said"),
    [
        (PASSED, 0, 0, "ci: passed"),
        ("FAILED tests/unit/test_it.py::test_it\n", 2, 2, "FAILED tests/unit/test_it.py::test_it"),
        ("SKIPPED [1] tests/unit/test_it.py:1: no Chromium\n", 0, 1, "without a valid reason on this machine"),
    ],
)
def test_the_whole_run_prints_its_result_and_has_its_exit_code(
    tmp_path: Path, log: str, ending: int, code: int, said: str
) -> None:
    """With a `make` that tests nothing and an `apt-get` that installs nothing."""
    (tmp_path / "log").write_text(log, encoding="utf-8")
    for name, line in {
        "make": f'[ "$1" != test ] || {{ cat {tmp_path}/log; exit {ending}; }}',
        "apt-get": "exit 0",
        "apt-cache": "exit 0",
    }.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        program.chmod(0o755)
    done = subprocess.run(
        [ROOT / ".ci" / "run"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
