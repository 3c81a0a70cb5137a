"""An older Oversight refuses the resources of a newer one, and changes nothing.

The older one is a wheel of this tree with another version and one changed resource, in its own environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from contract.distribution import own_version
from tests.provisioning import state
from tests.wheels import ROOT, build, copy_sources

OLDER = "0.0.9"
CHANGED = "json"
"""The older version has another form of this pipeline."""


def _tree(folder: Path) -> Path:
    """The files for a wheel, with the older version and the changed pipeline."""
    copy_sources(folder)
    project = (folder / "pyproject.toml").read_text(encoding="utf-8")
    version = f'version = "{own_version()}"'
    assert project.count(version) == 1
    (folder / "pyproject.toml").write_text(project.replace(version, f'version = "{OLDER}"'), encoding="utf-8")
    pipeline = folder / "es_pipelines" / "pipelines" / f"{CHANGED}.yml"
    text = pipeline.read_text(encoding="utf-8")
    assert text.startswith("description: ")
    pipeline.write_text(text.replace("description: ", "description: Of an older version. ", 1), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the older wheel, and with the libraries of this environment."""
    folder = tmp_path_factory.mktemp("older")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    wheel = build(_tree(folder / "tree"), folder / "wheels")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    subprocess.run([*pip, "install", "--no-deps", "--target", packages, wheel], check=True)
    # The path in this .pth file adds the libraries, but not this checkout: Python does not read .pth files there.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return folder / "env" / "bin" / "python"


@pytest.fixture
def installation(es: Elasticsearch, namespace: str) -> Iterator[str]:
    """A namespace whose resources are removed afterwards."""
    yield namespace
    remove(es, namespace)


def _oversight(python: Path | str, environment: Mapping[str, str], folder: Path, *words: str) -> tuple[int, str, str]:
    """Exit code and output of a command."""
    done = subprocess.run(
        [python, "-m", "oversight", *words],
        env={**os.environ, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_an_older_version_refuses_the_resources_of_a_newer_one_and_changes_nothing(
    es: Elasticsearch, engine_url: str, installation: str, older: Path, tmp_path: Path
) -> None:
    environment = {"ELASTICSEARCH_URL": engine_url, "OVERSIGHT_NAMESPACE": installation, "PYTHONPATH": ""}
    name = f"oversight-{CHANGED}-{installation}"
    assert OLDER in _oversight(older, environment, tmp_path, "--version")[1]
    assert _oversight(older, environment, tmp_path, "provision")[0] == 0
    assert "Of an older version." in es.ingest.get_pipeline(id=name)[name]["description"]

    status, said, _ = _oversight(sys.executable, {**environment, "PYTHONPATH": str(ROOT)}, tmp_path, "provision")
    assert status == 0
    written = [line.split()[:3] for line in said.splitlines() if line.startswith(("created", "updated", "removed"))]
    assert written == [["updated", "pipeline", f"{name}"]]
    newer = state(es, installation)
    assert "Of an older version." not in newer["pipelines"][name]["description"]

    status, said, error = _oversight(older, environment, tmp_path, "provision")
    assert status == 1
    assert said == ""
    assert error == (
        f"oversight: nothing was written: pipeline {name}: Oversight {own_version()} wrote it and this is {OLDER}: "
        "it is not downgraded; run the newer Oversight, or choose another OVERSIGHT_NAMESPACE\n"
    )
    assert state(es, installation) == newer
    status, _, error = _oversight(older, environment, tmp_path, "provision", "--force")
    assert status == 1
    assert "it is not downgraded" in error
    assert state(es, installation) == newer
