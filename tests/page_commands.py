"""The commands in the pages of the documentation.

    a page ──▶ blocks ──▶ commands, each with its settings and words

A block of commands says `console` (lines with `$ `; the others are output) or `sh` (each line is a command). Before one
that no test runs, the page says why: `<!-- not run: REASON -->`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "examples").glob("**/*.md")),
    *sorted((ROOT / "docs" / "first-hour").glob("*.md")),
]
BLOCK = re.compile(
    r"(?:^ *<!-- not run: (?P<reason>[^\n]+?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
SETTING = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of a page between two fences."""

    page: str
    language: str
    body: str
    reason: str | None
    """Why no test runs it, if the page says so."""

    @property
    def lines(self) -> list[str]:
        """The commands as the page has them, without `$ ` and comments."""
        text = self.body.replace("\\\n", " ")
        lines = [line.strip() for line in text.splitlines()]
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return [stripped for line in lines if (stripped := re.split(r"(?:^|\s)#\s", line)[0].strip())]


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in order."""
    name = page.relative_to(ROOT).as_posix()
    return [
        Block(name, found["language"], found["body"], found["reason"])
        for found in BLOCK.finditer(page.read_text("utf-8"))
    ]


def command_blocks(page: Path) -> list[Block]:
    """Return the blocks that say that they hold commands."""
    return [block for block in blocks(page) if block.language in ("console", "sh", "bash")]


def simple_commands(line: str) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Yield each command of a line, between pipes and other operators, as settings and words."""
    reader = shlex.shlex(line, posix=True, punctuation_chars=";&|()<>")
    reader.whitespace_split = True
    reader.commenters = ""
    words: list[str] = []
    for word in [*reader, ";"]:
        if word in (";", "&", "&&", "|", "||", "(", ")"):
            if words:
                yield _settings_and_words(words)
            words = []
        else:
            words.append(word)


def _settings_and_words(words: list[str]) -> tuple[dict[str, str], list[str]]:
    settings: dict[str, str] = {}
    rest = list(words[1:] if words[0] == "export" else words)
    while rest and (setting := SETTING.fullmatch(rest[0])):
        settings[setting[1]] = setting[2]
        rest.pop(0)
    return settings, rest
