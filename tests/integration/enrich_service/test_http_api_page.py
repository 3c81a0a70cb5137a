"""docs/http-api.md and docs/predictions.md: every command runs, and every shown answer has the shape of the
real one.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from common.settings.shared import DEFAULT_MODEL
from tests.conftest import ROOT
from tests.servers import enrich_service
from tests.waiting import WAIT_S

PAGES = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("http-api.md", "predictions.md")]
EXAMPLES = [
    example
    for page in PAGES
    for example in re.findall(r"```sh\n(curl .*?)\n```\n\n```json\n(.*?)\n```", page, re.DOTALL)
]

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands need curl")


@pytest.fixture(scope="module")
def shipped() -> Iterator[str]:
    """A service with the model of this repository."""
    with enrich_service(DEFAULT_MODEL) as url:
        yield url


def missing(shown: Any, real: Any, path: str = "") -> list[str]:
    """Fields that the page shows and the answer lacks; the page may leave fields out, and values may differ."""
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
    """The command runs as written, except for the port."""
    words = shlex.split(command.replace("http://127.0.0.1:8600", shipped))
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S, check=True)
    assert missing(json.loads(shown), json.loads(ended.stdout)) == []


def test_the_pages_have_their_examples() -> None:
    """If the blocks were written in another way, nothing would test them."""
    assert len(EXAMPLES) == sum(page.count("```json") for page in PAGES)
    assert len(EXAMPLES) == 7


def ask_with(url: str, example: str) -> list[dict[str, Any]]:
    """The results of one of the example requests."""
    command = [
        "curl",
        "-s",
        f"{url}/v1/enrich",
        "-H",
        "Content-Type: application/json",
        "-d",
        f"@docs/examples/{example}",
    ]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=WAIT_S, check=True).stdout
    results: list[dict[str, Any]] = json.loads(answer)["results"]
    return results


def test_the_two_verdicts_of_the_page_are_those_of_the_shipped_model(shipped: str) -> None:
    """An attack that the model knows raises an alert; one that training never saw is `unknown` and flagged."""
    scan, tunnel = (result["fields"] for result in ask_with(shipped, "two-verdicts.json"))
    assert (scan["oversight"]["prediction"]["label"], scan["event"]["kind"]) == ("satan", "alert")
    assert scan["threat"]["technique"]["subtechnique"]["id"] == "T1595.002"
    prediction = tunnel["oversight"]["prediction"]
    assert (prediction["label"], prediction["closest"], tunnel["event"]["kind"]) == ("unknown", "normal", "event")
    assert scan["oversight"]["prediction"]["reasons"]
    assert prediction["reasons"]


def test_the_smurf_of_the_page_is_found(shipped: str) -> None:
    """The shipped model detects the flood on the page, and gives its reasons."""
    prediction = ask_with(shipped, "enrich-request.json")[0]["fields"]["oversight"]["prediction"]
    assert (prediction["label"], prediction["family"]) == ("smurf", "dos")
    assert any(reason.startswith(("count is 511", "service is ecr_i")) for reason in prediction["reasons"])
