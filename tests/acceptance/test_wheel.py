"""The wheel in an empty environment, used in a folder whose own packages have the names of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.acceptance.commands import OURS
from tests.conftest import ROOT

UV = Path(sys.executable).with_name("uv")
PRODUCT = {
    "common",
    "console",
    "contract",
    "converter",
    "enrich_service",
    "es_pipelines",
    "kibana",
    "models",
    "oversight",
    "sensor",
    "training",
    "watcher",
}


def run(*words: str | Path, cwd: Path, **environment: str) -> str:
    """Run a program to its end, which must be a good one; what it prints."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith((*OURS, "PYTHON", "VIRTUAL_"))
    }
    done = subprocess.run(words, cwd=cwd, env={**inherited, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout} {done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: a build leaves folders behind, and what an earlier one left would come along."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    for name in PRODUCT:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "trainings"))
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        source,
        cwd=folder,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`oversight`, installed with the packages of `make demo` and nothing else."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    python = environment / "bin" / "python"
    run(UV, "venv", "--quiet", "--python", sys.executable, environment, cwd=ROOT)
    run(UV, "pip", "sync", "--quiet", "--python", python, "--require-hashes", "requirements/demo.txt", cwd=ROOT)
    run(UV, "pip", "install", "--quiet", "--python", python, "--no-deps", wheel, cwd=ROOT)
    return python.with_name("oversight")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder. Whoever imports one of its packages in the place of ours fails."""
    for name in ("console", "training", "contract"):
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").write_text(
            "raise RuntimeError('this is the package of the user')\n", encoding="utf-8"
        )
    return tmp_path


def test_a_wheel_holds_the_product_alone(wheel: Path) -> None:
    """No test, no generator of a page, no benchmark."""
    with zipfile.ZipFile(wheel) as archive:
        folders = {name.split("/")[0] for name in archive.namelist()}
    assert {name for name in folders if not name.endswith(".dist-info")} == PRODUCT


def test_packages_of_the_user_are_not_taken_for_ours(program: Path, folder: Path) -> None:
    module = (program.with_name("python"), "-m", "oversight")
    for command, environment in (
        ((program,), {}),
        ((program,), {"PYTHONPATH": str(folder)}),
        (module, {}),
        (module, {"PYTHONPATH": str(folder)}),
    ):
        assert '"labels"' in run(*command, "model", "--json", cwd=folder, **environment)


def test_the_demo_runs_in_such_a_folder(program: Path, folder: Path) -> None:
    """It starts the service, the watcher and the console, each a process of its own."""
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
