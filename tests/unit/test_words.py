"""Messages and pages name only commands that exist, and finished folders are in plain English."""

from __future__ import annotations

import ast
import fnmatch
import importlib
import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from contract import hints
from oversight.cli import COMMANDS
from tests.conftest import ROOT

ENDINGS = (".md", ".painless", ".py", ".yml")


def _texts() -> list[Path]:
    """Files with texts or messages for people, except decision records, which may describe plans."""
    git = shutil.which("git") or "git"
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout here")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name.endswith(ENDINGS)]
    return [path for path in paths if path.is_file() and not path.is_relative_to(ROOT / "docs" / "decisions")]


def test_every_named_command_exists() -> None:
    """Finds commands in backticks and in console blocks."""
    named = {
        (match, path.relative_to(ROOT).as_posix())
        for path in _texts()
        for match in re.findall(r"(?:`|\$ )oversight ([a-z]+)", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    assert [entry for entry in sorted(named) if entry[0] not in COMMANDS] == []


NAMESPACED = "provision|ship|watch|console|status|retry|rescore|verdict|labels|check|kibana"
"""Commands with the option `--namespace`."""
GENERAL = (
    "contract/documents/fields.py",
    "es_pipelines/security/roles.py",
    "es_pipelines/cluster/capabilities.py",
    "docs/generate/*_page.py",
    "training/*",
    "kibana/api/import_record.py",
    "kibana/panels/operations.py",
    "kibana/panels/triage.py",
    "common/settings/*.py",
    "*/settings.py",
)
"""Modules whose texts describe a command for every installation: pages, privileges, panels, settings; `--help` too."""


def test_a_hint_names_the_installation_of_its_message() -> None:
    """`oversight provision` in a message about `lab` would provision `default`, so messages use `contract.hints`."""
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"
        for path in _texts()
        if path.suffix == ".py"
        and path.relative_to(ROOT).parts[0] not in ("tests", "benchmarks")
        and not any(fnmatch.fnmatch(path.relative_to(ROOT).as_posix(), one) for one in GENERAL)
        for node in _messages(ast.parse(path.read_text(encoding="utf-8")))
        if re.search(rf"`oversight ({NAMESPACED})", str(node.value))
    ]
    assert found == []


def _messages(module: ast.Module) -> list[ast.Constant]:
    """Strings that are neither a docstring nor the help of an option."""
    nodes = list(ast.walk(module))
    described = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    described |= {id(node.value) for node in nodes if isinstance(node, ast.keyword) and node.arg == "help"}
    texts = [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [node for node in texts if id(node) not in described]


def test_a_hint_is_a_complete_command() -> None:
    try:
        hints.installation("lab")
        assert hints.run("provision --plan") == "`oversight provision --plan --namespace lab`"
    finally:
        hints.installation(hints.DEFAULT_NAMESPACE)
    assert hints.run("provision --plan") == "`oversight provision --plan`"
    assert [name for name in NAMESPACED.split("|") if "--namespace" not in _options(name)] == []


def _options(name: str) -> set[str]:
    command = importlib.import_module(COMMANDS[name][0]).command
    group = command.commands.values() if isinstance(command, click.Group) else [command]
    return set.intersection(*({option for one in each.params for option in one.opts} for each in group))


PLAIN = (
    "benchmarks",
    "common",
    "console",
    "contract",
    "converter",
    "docker",
    "docs/generate",
    "enrich_service",
    "es_pipelines",
    "kibana",
    "oversight",
    "sensor",
    "tests",
    "training",
    "watcher",
)
"""Folders whose names, comments, docstrings and messages are in plain English; add each folder that is finished."""
TIRING = {
    "all that": "everything that",
    "anew": "again",
    "blame": "bisect, or find the failing document",
    "goes on": "continues",
    "in silence": "silently",
    "mended": "fixed",
    "of ours": "our",
    "parked": "quarantined",
    "somebody": "someone, or name who it is",
    "speaks for": "supports",
    "stands in": "is in",
    "told by": "shown by, or measured by",
}
"""Tiring words, and what to write instead. Only this file may contain them."""
FIELD_NAME = re.compile(r'"parked"|\bparked(: int$|=int\()')
"""`parked` is the name of a field in the heartbeat and in the JSON of `watch` and `status`, and stays."""


def test_a_finished_folder_is_in_plain_english() -> None:
    words = re.compile(rf"(?<![\w.])({'|'.join(TIRING)})\b", re.IGNORECASE)
    found = [
        f"{name}:{number}: {match[1]!r}; write {TIRING[match[1].lower()]}"
        for path in _texts()
        if path != Path(__file__)
        if (name := path.relative_to(ROOT).as_posix()).startswith(tuple(f"{folder}/" for folder in PLAIN))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in words.finditer(FIELD_NAME.sub("", line))
    ]
    assert found == []
    assert all((ROOT / folder).is_dir() for folder in PLAIN)
