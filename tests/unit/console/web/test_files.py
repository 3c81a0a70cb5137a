"""The page's own files follow its policy, and its colours are readable."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from console.web.files import FOLDER, GRID_COLUMNS, GRID_ROWS, KINDS, grid
from tests.unit.console.panel_samples import all_panels

SCRIPTS = sorted(FOLDER.glob("js/*.js"))
STYLES = "".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("css/*.css")))
FORBIDDEN = (
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "eval(",
    "Function(",
    "DOMParser",
    "srcdoc",
    "setHTML",
)
TEXT = ("--text", "--text-2", "--link", "--good", "--some", "--bad")
GROUNDS = ("--panel", "--ground", "--sunken")
AA = 4.5
"""The contrast of text and background that WCAG requires."""


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_reads_text_as_html_or_as_a_program(path: Path) -> None:
    """Text of documents stays text."""
    source = path.read_text(encoding="utf-8")
    assert [word for word in FORBIDDEN if word in source] == []


def test_nothing_is_fetched_from_elsewhere() -> None:
    """No file has an address of another machine, except ATT&CK's, which is a link."""
    for path in FOLDER.rglob("*"):
        if path.suffix in KINDS:
            found = set(re.findall(r"https?://[a-z0-9.]+", path.read_text(encoding="utf-8")))
            assert found <= {"https://attack.mitre.org", "http://www.w3.org"}, path.name


def colours_of(block: str) -> dict[str, str]:
    return dict(re.findall(r"(--[a-z0-9-]+): (#[0-9a-f]{6})", block))


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


BLOCKS = re.findall(r":root(?:\[[^{]*|:not[^{]*)? \{([^}]*)\}", STYLES)
LIGHT = colours_of(BLOCKS[0])
DARK = [LIGHT | colours_of(block) for block in BLOCKS[1:3]]


@pytest.mark.parametrize("theme", [LIGHT, DARK[0]], ids=["light", "dark"])
def test_text_is_readable_in_both_themes(theme: dict[str, str]) -> None:
    """Every text colour on every background, and the header's on its own."""
    for text, ground in product(TEXT, GROUNDS):
        assert contrast(theme[text], theme[ground]) >= AA, (text, ground)
    for text in ("--top-text", "--top-text-2"):
        assert contrast(theme[text], theme["--top"]) >= AA, text
    for ground in ("--bad-ground", "--info-ground"):
        assert contrast(theme["--text"], theme[ground]) >= AA, ground
    assert contrast(theme["--bad"], theme["--bad-ground"]) >= AA


def test_the_dark_theme_is_the_same_whether_chosen_or_the_systems() -> None:
    """The file has it twice."""
    assert DARK[0] == DARK[1] != LIGHT


def test_every_size_of_a_panel_has_its_class() -> None:
    """The policy allows no style in an element."""
    made = grid()
    for _, panel in all_panels():
        assert 1 <= panel.width <= GRID_COLUMNS
        assert 1 <= panel.height <= GRID_ROWS
        assert f".w{panel.width} {{" in made
        assert f".h{panel.height} {{" in made
