"""docs/http-api.md: every command on the page is run, every answer on it has the shape of the real one."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from oversight.settings import DEFAULT_MODEL
from tests.conftest import ROOT
from tests.servers import enrich_service

PAGE = (ROOT / "docs" / "http-api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(curl .*?)\n```\n\n```json\n(.*?)\n```", PAGE, re.DOTALL)

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands need curl")


@pytest.fixture(scope="module")
def shipped() -> Iterator[str]:
    """A service with the model of this repository."""
    with enrich_service(DEFAULT_MODEL) as url:
        yield url


def missing(shown: Any, real: Any, path: str = "") -> list[str]:
    """What the page shows and the answer does not have; the page may leave out, and values may differ."""
    if isinstance(shown, dict) and isinstance(real, dict):
        return [problem for key in shown for problem in missing(shown[key], real.get(key), f"{path}.{key}")]
    if isinstance(shown, list) and isinstance(real, list):
        short = [f"{path}: {len(real)} entries"] if len(real) < len(shown) else []
        return short + [
            p for i, pair in enumerate(zip(shown, real, strict=False)) for p in missing(*pair, f"{path}[{i}]")
        ]
    return [] if type(shown) is type(real) else [f"{path}: {real!r}"]


@pytest.mark.parametrize(("command", "shown"), EXAMPLES)
def test_a_command_of_the_page_answers_as_shown(shipped: str, command: str, shown: str) -> None:
    """Run as it stands, but for the port."""
    words = shlex.split(command.replace("http://127.0.0.1:8600", shipped))
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert missing(json.loads(shown), json.loads(ended.stdout)) == []


def test_the_page_has_its_examples() -> None:
    """Another spelling of the blocks would leave them untested."""
    assert len(EXAMPLES) == PAGE.count("```json")
    assert len(EXAMPLES) == 5


def test_the_smurf_of_the_page_is_found(shipped: str) -> None:
    """The shipped model knows the flood that the page shows, and says why."""
    command = [
        "curl",
        "-s",
        f"{shipped}/v1/enrich",
        "-H",
        "Content-Type: application/json",
        "-d",
        "@docs/examples/enrich-request.json",
    ]
    answer = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=True).stdout)
    prediction = answer["results"][0]["fields"]["oversight"]["prediction"]
    assert (prediction["label"], prediction["family"]) == ("smurf", "dos")
    assert any(reason.startswith(("count is 511", "service is ecr_i")) for reason in prediction["reasons"])
