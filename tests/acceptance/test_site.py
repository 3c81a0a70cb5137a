"""`make site` builds the documentation strictly: no broken link, every page in the menu, no other host."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate.site import collect
from tests.conftest import ROOT
from tests.waiting import WAIT_S

PACKAGES = Path(sys.prefix) / "site"
OTHER_HOST = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=\"?(https?://[^\"\s>]+)")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The folder of the site, and what mkdocs printed."""
    if not PACKAGES.is_dir():
        pytest.skip("the packages of requirements/site.txt are not installed; run `make .venv/site/.done`")
    folder = tmp_path_factory.mktemp("site")
    collect(folder)
    return folder / "site", build(folder)


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command of the Makefile."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file"]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGES), "NO_MKDOCS_2_WARNING": "true"}
    return subprocess.run(
        [*command, folder / "mkdocs.yml", "--site-dir", folder / "site"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def test_the_site_builds_strictly(built: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    site, done = built
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {page.relative_to(site).as_posix() for page in site.rglob("*.html")}
    assert {"index.html", "troubleshooting/index.html", "source/SECURITY/index.html"} <= pages
    decisions = list((ROOT / "docs" / "decisions").glob("*.md"))
    assert len([page for page in pages if page.startswith("decisions/0")]) == len(decisions)


def test_a_page_asks_no_other_host(built: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    site, _ = built
    assert OTHER_HOST.findall('<script src="https://example.org/a.js">') == ["https://example.org/a.js"]
    found = {page.name: OTHER_HOST.findall(page.read_text("utf-8")) for page in site.rglob("*.html")}
    assert {name: hosts for name, hosts in found.items() if hosts} == {}
    styles = [style.read_text("utf-8") for style in site.rglob("*.css")]
    assert styles
    assert not [style for style in styles if re.search(r"url\([\"']?https?:", style)]


def test_the_search_knows_the_messages(built: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    site, _ = built
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    found = [entry["location"] for entry in index["docs"] if "cannot reach Elasticsearch" in entry["text"]]
    assert any(location.startswith("troubleshooting/") for location in found)


def test_a_broken_anchor_fails_the_build(tmp_path: Path, built: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The checks in mkdocs.yml are on; a site of one page shows it."""
    settings = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[0]
    (tmp_path / "mkdocs.yml").write_text(settings, encoding="utf-8")
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.md").write_text("# Page\n\n[gone](#no-such-heading)\n", encoding="utf-8")
    done = build(tmp_path)
    assert done.returncode == 1
    assert "no-such-heading" in done.stdout + done.stderr
