"""Control characters in foreign text become visible in every output to the terminal, and no code prints
without that.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import orjson
import pytest
from rich.table import Table

from oversight import tables, terminal
from oversight.config import logs
from oversight.own_packages import OURS
from oversight.terminal import one_line, visible
from tests.conftest import ROOT

ATTACK = "nor\x1b]0;owned\x07mal\x9b31m\x7f\u202eevil\U000e0041\x08"
SHOWN = r"nor\u001b]0;owned\u0007mal\u009b31m\u007f\u202eevil\udb40\udc41\u0008"
WAYS_OUT = {ROOT / "oversight" / name for name in ("terminal.py", "tables.py")}
PARTS = sorted(OURS | {"oversight"})


@contextlib.contextmanager
def printed() -> Iterator[io.StringIO]:
    """Standard output and error of a process that started like `oversight`."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream), terminal.guarded():
        yield stream


def test_control_characters_become_visible_and_other_letters_stay() -> None:
    assert visible(ATTACK) == SHOWN
    assert visible(visible(ATTACK)) == SHOWN
    plain = "Grüße, 你好, שלום, 👩‍💻 \ttab\nnext line, back\\slash"
    assert visible(plain) == plain


def test_every_control_character_and_lone_surrogate_is_caught() -> None:
    import unicodedata

    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        kind = unicodedata.category(letter)
        if (kind in ("Cc", "Cs") and letter not in "\n\t") or "RIGHT-TO-LEFT" in unicodedata.name(letter, ""):
            assert visible(letter) != letter, f"U+{code:04X}"


def test_a_value_cannot_begin_a_new_line() -> None:
    assert one_line("file\nwatchers  9 running\ta") == r"file\nwatchers  9 running\ta"


def test_json_keeps_its_value_and_stays_json() -> None:
    value = {"label": ATTACK.replace("\x9b", "\x9b\u2028")}
    with printed() as out:
        click.echo(orjson.dumps(value))
    assert json.loads(out.getvalue()) == value
    assert not any(letter in out.getvalue() for letter in "\x1b\x7f\x9b\u202e\u2028")


def test_text_bytes_and_errors_are_printed_visibly() -> None:
    with printed() as out:
        click.echo(ATTACK, color=True)
        click.echo(ATTACK.encode(), err=True)
        sys.stdout.buffer.write(ATTACK.encode() + b"\xff")
        click.BadParameter(ATTACK).show()
    assert out.getvalue().count(SHOWN) == 4
    assert r"\udcff" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_a_table_has_our_colours_and_no_foreign_sequences() -> None:
    table = Table("Label", header_style="bold")
    table.add_row(f"{ATTACK} [link=https://evil.example]here[/link]")
    with printed() as out:
        tables.console(force_terminal=True, width=200).print(table)
    text = out.getvalue()
    assert SHOWN in text
    assert "[link=https://evil.example]here[/link]" in text, "foreign text is no markup"
    assert "\x1b[1m" in text
    assert "\x1b]" not in text


def test_a_log_line_at_a_terminal_stays_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", "200")
    stream = Tty()
    logs.setup("test", stream=stream)
    logging.getLogger("watcher").warning("refused by %s", f"{ATTACK}\n[12:00:00] INFO all is well")
    without_colours = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert f"{SHOWN}\\n[12:00:00] INFO all is well" in without_colours
    assert "\x1b" not in without_colours
    assert len(without_colours.splitlines()) == 1


def test_no_module_prints_without_the_filter() -> None:
    """Only two modules create consoles, styles and raw streams; the others print through them."""
    found = []
    for part in PARTS:
        for path in sorted((ROOT / part).rglob("*.py")):
            if path not in WAYS_OUT:
                found += [f"{path.relative_to(ROOT)}:{line} {what}" for line, what in _ways_past(path)]
    assert not found


def test_the_check_of_the_modules_finds_forbidden_output(tmp_path: Path) -> None:
    module = tmp_path / "bad.py"
    module.write_text(
        "from rich.console import Console\nimport os, sys\nfrom click import secho\n"
        "from rich.progress import TextColumn\n"
        "Console().print('a')\nsecho('b')\nos.write(1, b'c')\nsys.__stdout__.write('d')\nclick.style('e')\n"
        "Console.out\nprint('f')\nopen('/dev/tty')\nTextColumn('g')\nrich.print('h')\n",
        encoding="utf-8",
    )
    assert {what for _, what in _ways_past(module)} == {
        "Console()",
        "secho()",
        "os.write()",
        "sys.__stdout__",
        "click.style",
        "print()",
        "/dev/tty",
        "TextColumn()",
        "rich.print",
    }


def _ways_past(path: Path) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    printers = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("click", "rich")
        for alias in node.names
        if alias.name in ("Console", "Live", "Progress", "TextColumn", "print", "secho", "style")
    } | {"print"}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in printers:
                yield node.lineno, f"{name}()"
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="os"), attr="write"), args=[ast.Constant(value=1 | 2), *_]
            ):
                yield node.lineno, "os.write()"
            case ast.Attribute(value=ast.Name(id="sys"), attr=("__stdout__" | "__stderr__") as name):
                yield node.lineno, f"sys.{name}"
            case ast.Attribute(
                value=ast.Name(id=("click" | "rich") as module), attr=("style" | "secho" | "print") as name
            ):
                yield node.lineno, f"{module}.{name}"
            case ast.Constant(value="/dev/tty"):
                yield node.lineno, "/dev/tty"
