"""The content of a wheel: every file that the program reads, its name and its licence."""

from __future__ import annotations

import fnmatch
import importlib.metadata
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from console.web.settings import ConsoleSettings
from contract.distribution import DISTRIBUTION, how_to_install, own_version
from oversight.cli import OPTIONAL

ROOT = Path(__file__).resolve().parents[3]
LEFT_OUT = ("*.keras",)
"""Weights that only the training reads, from a checkout."""


def test_every_file_of_a_package_is_in_a_wheel() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    carried = (*setuptools["package-data"]["*"], *LEFT_OUT, "*.py")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    if listed.returncode:
        pytest.skip("no git checkout, so the files of a package are not known")
    packages = [f"{name.rstrip('*')}/*" for name in setuptools["packages"]["find"]["include"]]
    ours = [name for name in listed.stdout.splitlines() if any(fnmatch.fnmatch(name, one) for one in packages)]
    assert len(ours) > 100
    assert not [name for name in ours if not any(fnmatch.fnmatch(Path(name).name, one) for one in carried)]


def test_the_licence_is_in_the_distribution() -> None:
    """The metadata of an installed package has the terms of the source folder."""
    distribution = importlib.metadata.distribution(DISTRIBUTION)
    assert distribution.metadata["License-Expression"] == "Apache-2.0"
    assert distribution.metadata["Author"] == "Oversight contributors"
    assert set(distribution.metadata.get_all("License-File") or []) == {"LICENSE", "NOTICE"}
    assert (ROOT / "LICENSE").is_file()
    assert (ROOT / "NOTICE").is_file()


def test_no_hint_installs_what_others_may_have_uploaded() -> None:
    """`oversight` on the package index is another project, and nobody has uploaded ours: a hint installs the source."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == DISTRIBUTION
    assert project["version"] == own_version()
    hint = "pip install .?(oversight|\\{DISTRIBUTION)"
    listed = subprocess.run(
        ["git", "grep", "-nE", hint, "--", "*.py", "*.md", ":!tests"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode > 1:
        pytest.skip("no git checkout")
    assert listed.stdout == ""
    assert "pip install '.[train]'" in how_to_install("train")
    used = subprocess.run(
        ["git", "grep", "-hoE", "how_to_install\\(['\"][a-z]+", "--", "*.py", ":!tests"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    extras = {line.split("(")[1].strip("'\"") for line in used.stdout.splitlines()}
    assert extras
    assert extras | set(OPTIONAL.values()) <= set(project["optional-dependencies"])


def test_no_installation_for_serving_has_the_embedded_engine() -> None:
    """Its authors are unknown: only the demo and the tests use it, through one extra, and only one module starts it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    engine = "noida"
    assert not [one for one in project["dependencies"] if engine in one]
    extras = project["optional-dependencies"]
    assert [name for name, packages in extras.items() if any(engine in one for one in packages)] == ["embedded"]
    assert not [one for packages in extras.values() for one in packages if "embedded" in one], (
        "another extra includes it"
    )
    locks = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "requirements").glob("*.txt")}
    assert {name for name, text in locks.items() if engine in text} == {"demo.txt", "dev.txt", "lowest.txt"}
    for name in ("Dockerfile", "docker-compose.yml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(rf"{engine}|embedded|demo\.txt|dev\.txt", text), name
    installs = re.findall(r"requirements/(\w+)\.txt", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert set(installs) == {"serve", "image"}
    users = {
        path.relative_to(ROOT).as_posix()
        for folder in {path.parent for path in ROOT.glob("*/__init__.py")} - {ROOT / "tests", ROOT / "benchmarks"}
        for path in (ROOT / folder).rglob("*.py")
        if "noida_db" in path.read_text(encoding="utf-8")
    }
    assert users == {"oversight/demo/embedded.py", "oversight/cli.py"}, "the second names the extra in a message"


def test_make_install_brings_the_console_with_its_charts(tmp_path: Path) -> None:
    """And says where the dashboards are."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    command = ["make", "--dry-run", "--directory", str(tmp_path), "install"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (lock,) = re.findall(r"--require-hashes -r (requirements/\w+\.txt)", done.stdout)
    assert "\nvl-convert-python==" in (ROOT / lock).read_text(encoding="utf-8")
    assert f"http://{ConsoleSettings.model_fields['bind'].default}" in done.stdout
