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
USER_ERRORS = {
    *("InputError", "SettingsError", "ArtifactError", "ConversionError", "EngineUnavailableError"),
    *(
        "EngineRefusesError",
        "EndpointUnavailableError",
        "ProtocolError",
        "KibanaRefusedError",
        "KibanaUnavailableError",
    ),
}
OWN_WORDS = 1
"""A text with no more words than this is found by what fills it in."""
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
    """The messages in the first column of the tables; a row may have several."""
    cells = re.findall(r"^\| `(.+?)` \| ", page, re.MULTILINE)
    return [message for cell in cells for message in cell.split("`<br>`") if message != "error.type"]


def errors_of_users() -> Iterator[str]:
    """Every text with which the product raises an error of USER_ERRORS."""
    for package in sorted(OURS | {"oversight"}):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in USER_ERRORS:
                    yield from (text for each in node.args if (text := text_of(each)) and " " in text)


def test_each_message_is_one_of_the_program(program: str) -> None:
    listed = rows(MESSAGES)
    assert len(listed) > 80
    assert [message for message in listed if not re.search(pattern(message), program)] == []


def test_every_error_has_a_row() -> None:
    """Add a row to docs/troubleshooting.md: a part of the message without names and values, and what to do.

    Left out are texts that have hardly any words of their own: they repeat those of another program.
    """
    listed = re.compile("|".join(pattern(message) for message in rows(MESSAGES)))
    texts = {text for text in errors_of_users() if len(re.findall(r"[a-z]{2,}", text)) > OWN_WORDS}
    missing = sorted(text.replace(VALUE, "...") for text in texts if not listed.search(text))
    assert len(texts) > 400
    assert missing == []


def test_a_message_of_nobody_is_found(program: str) -> None:
    assert not re.search(pattern("cannot reach ... at the moon"), program)


def test_each_code_of_a_failed_document_is_explained() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    of_service = {one.code for one in classes if issubclass(one, errors.DocumentError)} - {errors.DocumentError.code}
    assert set(rows(DOCUMENTS)) == set(CODES) | of_service | {"document_too_large"}
