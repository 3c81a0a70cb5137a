"""The messages on the page of troubleshooting are those of the program, and all codes of failed documents are there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from contract import errors
from es_pipelines.definition.failures import CODES
from oversight.own_packages import OURS
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
MESSAGES, DOCUMENTS = PAGE.split("## Documents that failed")
VALUE = "\0"
"""A value that a message fills in."""


def text_of(node: ast.expr) -> str | None:
    """The text of a literal, with VALUE for what is filled in; None for any other expression."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else VALUE for part in node.values)
    return None


def texts() -> Iterator[str]:
    """Every text of the product, and of the Makefile."""
    for package in sorted(OURS | {"oversight"}):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                text = text_of(node) if isinstance(node, ast.expr) else None
                if text:
                    yield text
    yield (ROOT / "Makefile").read_text("utf-8")


@pytest.fixture(scope="module")
def program() -> str:
    return "\n".join(set(texts()))


def pattern(message: str) -> str:
    """A regular expression for a message of the page: `...` is any value or part of the text."""
    return "[^\n]*?".join(re.escape(part) for part in message.split("..."))


def rows(page: str) -> list[str]:
    return [row for row in re.findall(r"^\| `(.+?)` \| ", page, re.MULTILINE) if row != "error.type"]


def test_each_message_is_one_of_the_program(program: str) -> None:
    listed = rows(MESSAGES)
    assert len(listed) > 80
    assert [message for message in listed if not re.search(pattern(message), program)] == []


def test_a_message_of_nobody_is_found(program: str) -> None:
    assert not re.search(pattern("cannot reach ... at the moon"), program)


def test_each_code_of_a_failed_document_is_explained() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    of_service = {one.code for one in classes if issubclass(one, errors.DocumentError)} - {errors.DocumentError.code}
    assert set(rows(DOCUMENTS)) == set(CODES) | of_service | {"document_too_large"}
