"""Our two images, as the Dockerfile makes them."""

from __future__ import annotations

import hashlib
import json

import pytest

from contract.distribution import own_version
from tests.conftest import ROOT
from tests.docker.engine import Engine
from tests.docker.images import checkout
from tests.docker.stack import Stack

pytestmark = pytest.mark.docker
SERVE, CONSOLE = f"oversight:{own_version()}", f"oversight-console:{own_version()}"
EACH = pytest.mark.parametrize("image", [SERVE, CONSOLE])
SITE = "/opt/venv/lib/python3*/site-packages"


@pytest.fixture(scope="module")
def built(docker: Engine, base_image: str, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """An engine that has both images."""
    stack = Stack(docker, checkout(tmp_path_factory.mktemp("checkout")), {"BASE_IMAGE": base_image})
    stack.write_env()
    stack.build()
    return docker


def inside(docker: Engine, image: str, script: str) -> list[str]:
    """Return the words that a script prints in a new container."""
    return docker.run("run", "--rm", "--network=none", "--entrypoint=sh", image, "-c", script).stdout.split()


@EACH
def test_an_image_has_the_program_its_model_and_its_scripts_and_no_other_source(built: Engine, image: str) -> None:
    model = "models/kdd99-mlp/model.onnx"
    assert (
        inside(built, image, f"sha256sum {SITE}/{model}")[0] == hashlib.sha256((ROOT / model).read_bytes()).hexdigest()
    )
    assert inside(built, image, "ls /opt") == ["docker", "venv"]
    assert inside(built, image, "ls /opt/docker") == sorted(p.name for p in (ROOT / "docker").iterdir() if p.is_file())
    assert inside(built, image, f"ls -d {SITE}/tests {SITE}/tensorflow* {SITE}/pip {SITE}/setuptools; true") == []
    assert inside(built, image, "oversight --version")[-1] == own_version()
    assert json.loads(built.run("inspect", image).stdout)[0]["Config"]["User"] == "10001:0"


def test_only_the_console_has_the_library_of_its_charts_and_it_adds_nothing_else(built: Engine) -> None:
    names = f"ls {SITE}"
    more = set(inside(built, CONSOLE, names)) - set(inside(built, SERVE, names))
    assert {name.partition("-")[0] for name in more} == {"vl_convert", "vl_convert_python"}
    layers = {
        image: json.loads(built.run("inspect", image).stdout)[0]["RootFS"]["Layers"] for image in (SERVE, CONSOLE)
    }
    assert layers[CONSOLE][:-1] == layers[SERVE], "both share all layers but one"


@EACH
def test_the_steps_of_an_image_hold_nothing_of_the_machine_that_built_it(built: Engine, image: str) -> None:
    """The base image has this machine's authorities and index; our steps hold nothing of them."""
    steps = built.run("history", "--no-trunc", "--format", "{{.CreatedBy}}", image).stdout
    assert "COPY" in steps
    assert not [word for word in ("PIP_", "index-url", "proxy", str(ROOT)) if word in steps]
