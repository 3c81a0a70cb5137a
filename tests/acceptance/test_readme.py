"""Every command in the console blocks of README.md and docs/cluster.md works as written, in the order of the page."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from oversight.demo.ports import free_port
from tests.acceptance.commands import Terminal
from tests.conftest import ROOT, why_no_real_engine
from tests.kibana_server import fake_kibana
from tests.waiting import WAIT_S

README = (ROOT / "README.md").read_text(encoding="utf-8")
CLUSTER = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
MOST_LINES = 150
STAY = ("oversight serve", "oversight watch")
"""Servers, which keep running during the next commands."""


def commands_of(page: str) -> list[str]:
    """The commands of a page's console blocks, without those that the page marks as not run."""
    blocks = re.findall(r"(<!-- not run: .*? -->\n)?```console\n(.*?)```", page, re.DOTALL)
    return [line.removeprefix("$ ") for mark, block in blocks if not mark for line in block.splitlines()]


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= MOST_LINES


def test_make_commands_exist() -> None:
    """`make demo` and `make test` build an environment and run tests, so this only checks that they exist."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {line.split()[1] for line in commands_of(README) if line.startswith("make ")}
    assert named
    assert named <= targets


def test_the_printed_demo_has_the_shape_of_the_real_one() -> None:
    """The README's table heads and progress line have the words of the demo's view."""
    demo = ROOT / "oversight" / "demo"
    view = "".join((demo / name).read_text(encoding="utf-8") for name in ("view.py", "story.py"))
    block = README.split("Predictions by label")[1].split("```")[0]
    of_labels = ("label", "family", "predicted", "played")
    for word in (*of_labels, "incident", "by or against", "alerts", "risk", "other side", "since"):
        assert f'"{word}"' in view
        assert word in block
    assert re.search(r"^shipped [\d,]+  pending \d+  enriched [\d,]+  failed \d+  \d+ events/s$", README, re.MULTILINE)
    assert "@@" not in README


def test_linked_pages_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.fixture
def engine_url(request: pytest.FixtureRequest) -> str:
    """A real engine if one is available. Other tests run each command on both engines."""
    url: str = request.getfixturevalue("embedded_url" if why_no_real_engine() else "opensearch_url")
    return url


@pytest.fixture
def kibana_url() -> Iterator[str]:
    """Address of our own server that replaces Kibana (tests/kibana_server.py)."""
    with fake_kibana() as kibana:
        yield kibana.url


@pytest.mark.parametrize("page", [README, CLUSTER], ids=["README.md", "cluster.md"])
def test_the_commands_for_a_cluster_run_in_order(
    page: str, terminal: Terminal, kibana_url: str, tmp_path: Path
) -> None:
    port = free_port()
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "oversight"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m oversight "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    environment = {
        **terminal.environment,
        "PATH": f"{folder}:{terminal.environment['PATH']}",
        "OVERSIGHT_SERVE_BIND": f"127.0.0.1:{port}",
        "OVERSIGHT_ENRICH_URL": f"http://127.0.0.1:{port}",
        "KIBANA_URL": kibana_url,
    }
    bash = shutil.which("bash") or "bash"
    servers = []
    try:
        for line in commands_of(page):
            if line in STAY:
                servers.append(
                    subprocess.Popen(
                        [bash, "-c", f"exec {line}"], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL
                    )
                )
            elif line.startswith("oversight "):
                done = subprocess.run(
                    [bash, "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
                )
                assert done.returncode == 0, f"{line}: {done.stdout} {done.stderr}"
        assert len(servers) == len(STAY)
        assert all(server.poll() is None for server in servers)
    finally:
        for server in servers:
            server.terminate()
            assert server.wait(WAIT_S) == 0
