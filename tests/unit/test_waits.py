"""Tests wait for a state, with the one limit in tests/waiting.py (docs/testing.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.waiting import WAIT_S

LIMITS = {"timeout", "request_timeout", "within_s"}
"""Arguments that limit how long a test waits. A setting of the product (`timeout_s`) may be as short as a
test needs.
"""
WAITS = {"wait", "join", "result", "communicate"}
"""Methods whose only argument is a limit."""


def short_limits(source: str) -> Iterator[int]:
    """Lines with a call that has a shorter limit than others, or with a mark that sets one for a test."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        limits = [keyword.value for keyword in node.keywords if keyword.arg in LIMITS]
        if isinstance(node.func, ast.Attribute):
            limits += node.args if node.func.attr in WAITS and len(node.args) == 1 else []
        numbers = [one.value for one in limits if isinstance(one, ast.Constant)]
        if any(isinstance(number, int | float) and 1 < number < WAIT_S for number in numbers):
            yield node.lineno
        if ast.unparse(node.func) == "pytest.mark.timeout":
            yield node.lineno


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("process.wait(20)", [1]),
        ("process.communicate(timeout=5)", [1]),
        ("until(lambda: ready(), within_s=3)", [1]),
        ("pytest.mark.timeout(180)", [1]),
        ("Elasticsearch(url, request_timeout=30)", [1]),
        ("process.wait(WAIT_S)\nstop.wait(0.01)\nshipper(timeout_s=5)\nos.path.join('a')\npace.wait(20, 1)", []),
    ],
)
def test_a_limit_in_seconds_is_found(source: str, lines: list[int]) -> None:
    assert list(short_limits(source)) == lines


def test_no_test_has_its_own_limit() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in Path(ROOT, "tests").rglob("*.py")
        for line in short_limits(path.read_text(encoding="utf-8"))
    }
    assert found == set()
