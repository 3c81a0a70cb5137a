"""The wheel works in an empty environment, in a folder with packages that have the same names as ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from oversight.own_packages import OURS
from tests.acceptance.commands import OURS as OUR_SETTINGS
from tests.wheels import ROOT, build, copy_sources

PRODUCT = OURS | {"models", "oversight"}


def run(*words: str | Path, cwd: Path, **environment: str) -> str:
    """Run a program, which must exit with 0; returns its output."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith((*OUR_SETTINGS, "PYTHON", "VIRTUAL_"))
    }
    done = subprocess.run(words, cwd=cwd, env={**inherited, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout} {done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    return build(copy_sources(folder / "source"), folder / "wheels")


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of `oversight`, installed with only the packages of `make demo`."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    python = environment / "bin" / "python"
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=ROOT)
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    install = (*pip, "install", "--quiet", "--no-compile")
    run(*install, "--require-hashes", "-r", "requirements/demo.txt", cwd=ROOT)
    run(*install, "--no-deps", wheel, cwd=ROOT)
    return python.with_name("oversight")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder with packages that have the names of our packages and raise an error at import."""
    for name in ("console", "training", "contract"):
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").write_text(
            "raise RuntimeError('this is the package of the user')\n", encoding="utf-8"
        )
    return tmp_path


def test_a_wheel_contains_only_the_product(wheel: Path) -> None:
    """It has no tests, page generators or benchmarks. Every package except `models` and `oversight` is in `OURS`:
    Oversight imports these before packages of the user with the same name.
    """
    with zipfile.ZipFile(wheel) as archive:
        folders = {name.split("/")[0] for name in archive.namelist()}
    assert {name for name in folders if not name.endswith(".dist-info")} == PRODUCT


def test_packages_of_the_user_do_not_replace_ours(program: Path, folder: Path) -> None:
    module = (program.with_name("python"), "-m", "oversight")
    for command, environment in (
        ((program,), {}),
        ((program,), {"PYTHONPATH": str(folder)}),
        (module, {}),
        (module, {"PYTHONPATH": str(folder)}),
    ):
        assert '"labels"' in run(*command, "model", "--json", cwd=folder, **environment)


def test_a_shipped_model_is_found_by_its_name(program: Path, folder: Path) -> None:
    """It is package data; a folder of the same name in the working folder changes nothing."""
    (folder / "kdd99-flow").mkdir()
    shown = json.loads(run(program, "model", "--json", cwd=folder, OVERSIGHT_MODEL="kdd99-flow"))
    assert (shown["id"], shown["contract"]["dataset"]) == ("kdd99-flow", "flow")
    assert program.parents[1] in Path(shown["path"]).parents


def test_the_demo_runs_in_such_a_folder(program: Path, folder: Path) -> None:
    """It starts the service, the watcher and the console as separate processes."""
    shown = run(
        program,
        "demo",
        "--exit",
        "--rate",
        "2000",
        "--events",
        "200",
        cwd=folder,
        PYTHONPATH=str(folder),
    )
    assert "Predictions by label" in shown
    assert '"status": "enriched"' in shown
