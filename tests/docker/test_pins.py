"""`make pins` writes tag and digest of each image to `.env`, as a registry gives them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values

from tests.docker.engine import Engine
from tests.docker.images import build, checkout
from tests.docker.registry import registry
from tests.waiting import WAIT_S

pytestmark = pytest.mark.docker
NAMES = ("BASE_IMAGE", "ELASTICSEARCH_IMAGE", "KIBANA_IMAGE")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


def push(docker: Engine, image: str, content: str) -> str:
    """Put an image into its registry. Return the digest that the registry gave it."""
    build(docker, {"Dockerfile": "FROM scratch\nCOPY content /\n", "content": content}, image)
    said = docker.run("push", image).stdout
    docker.run("image", "rm", image)
    (digest,) = re.findall(r"digest: (sha256:[0-9a-f]{64})", said)
    return str(digest)


def make_pins(docker: Engine, folder: Path) -> subprocess.CompletedProcess[str]:
    words = ["make", "--silent", "pins"]
    return subprocess.run(
        words, cwd=folder, env=docker.environment, capture_output=True, text=True, check=False, timeout=WAIT_S
    )


def test_pins_are_the_registrys_digests_and_follow_a_tag_that_moves(
    docker: Engine, address: str, tmp_path: Path
) -> None:
    folder, env = checkout(tmp_path), tmp_path / ".env"
    images = {name: f"{address}/{name.lower()}:1.2" for name in NAMES}
    env.write_text("ELASTIC_PASSWORD=kept\n" + "".join(f"{n}={i}\n" for n, i in images.items()), encoding="utf-8")
    for content in ("first", "second"):
        digests = {name: push(docker, image, content) for name, image in images.items()}
        done = make_pins(docker, folder)
        assert done.returncode == 0, done.stderr
        expected = {name: f"{image}@{digests[name]}" for name, image in images.items()}
        assert dict(dotenv_values(env)) == {"ELASTIC_PASSWORD": "kept", **expected}
    assert env.stat().st_mode & 0o777 == 0o600
    docker.run("pull", expected["KIBANA_IMAGE"])


def test_without_an_answer_of_a_registry_nothing_is_written(docker: Engine, address: str, tmp_path: Path) -> None:
    folder, env = checkout(tmp_path), tmp_path / ".env"
    text = f"BASE_IMAGE={address}/nobody-pushed-it:1\n"
    env.write_text(text, encoding="utf-8")
    done = make_pins(docker, folder)
    assert done.returncode != 0
    assert "BASE_IMAGE" in done.stderr
    assert env.read_text(encoding="utf-8") == text
