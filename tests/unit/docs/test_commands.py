"""Each command in the documentation is run by a test, or the page says why not; and each one exists as written."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import click
import pytest

from oversight.cli import app
from oversight.config.settings import PARTS
from tests.conftest import ROOT
from tests.page_commands import BLOCK, PAGES, Block, blocks, command_blocks, simple_commands

RUN_BY = {
    "README.md": "tests/acceptance/test_readme.py",
    "docs/cluster.md": "tests/acceptance/test_readme.py",
    "docs/notebook-to-elasticsearch.md": "tests/acceptance/test_first_hour.py",
    "docs/http-api.md": "tests/integration/enrich_service/test_http_api_page.py",
    "docs/predictions.md": "tests/integration/enrich_service/test_http_api_page.py",
    "docs/examples/breast-cancer/README.md": "tests/acceptance/test_examples.py",
    "docs/examples/machine-metrics/README.md": "tests/acceptance/test_examples.py",
    "docs/examples/network-flows/README.md": "tests/acceptance/test_examples.py",
    "docs/people.md": "tests/acceptance/test_pages.py",
    "docs/shippers.md": "tests/acceptance/test_pages.py",
    "docs/dashboards.md": "tests/acceptance/test_pages.py",
    "docs/provisioning.md": "tests/acceptance/test_pages.py",
    "docs/upgrade.md": "tests/acceptance/test_pages.py",
}
"""The test that runs the blocks of a page which have no mark."""
PROGRAMS = re.compile(
    r"^ *(?:\$ )?(?:[A-Z_]+=\S+ +)*(?:\.venv/bin/)?"
    r"(?:oversight|make|docker|python|pip|curl|git|systemctl|install|zcat|openssl|promtool|export) ",
    re.MULTILINE,
)
MESSAGE = re.compile(r"^oversight: ")
INLINE = re.compile(r"`((?:[A-Z_]+=\S+ +)*oversight\s[^`]+)`")
"""A command in a sentence or a table."""
VARIABLES = {part.variable(name) for part in PARTS for name in part.model_fields}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
COMMAND_BLOCKS = [block for page in PAGES for block in command_blocks(page)]


def name_of(block: Block) -> str:
    return f"{block.page}: {block.lines[0] if block.lines else block.body}"


def problem_of(settings: dict[str, str], words: list[str]) -> str:
    """Why a command cannot work as written; empty if nothing is known against it."""
    unknown = [name for name in settings if name.startswith("OVERSIGHT_") and name not in {*VARIABLES, *TEST_SETTINGS}]
    if unknown:
        return f"{unknown} are no settings"
    match words:
        case ["oversight", *arguments]:
            return problem_of_arguments(arguments)
        case ["make", *arguments]:
            targets = [word for word in arguments if re.fullmatch("[a-z-]+", word)]
            return "" if set(targets) <= TARGETS else f"the Makefile has not all of {targets}"
        case ["python" | ".venv/bin/python", "-m", module, *_]:
            return "" if importlib.util.find_spec(module) else f"there is no module {module}"
    return ""


TEST_SETTINGS = {
    "OVERSIGHT_TEST_OPENSEARCH_URL",
    "OVERSIGHT_TEST_ELASTICSEARCH_URL",
    "OVERSIGHT_TEST_SECURED_URL",
}


def problem_of_arguments(arguments: list[str]) -> str:
    """Compare with the program's own options: their names, the number of their values, their choices."""
    command: click.Command = app
    context = click.Context(command, info_name="oversight")
    try:
        while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
            name, *arguments = arguments
            found = command.get_command(context, name)
            if found is None:
                return f"there is no command {name}"
            command, context = found, click.Context(found, info_name=name, parent=context)
        values, _, _ = command.make_parser(context).parse_args(list(arguments))
        choices = [each for each in command.params if isinstance(each.type, click.Choice)]
        for each in choices:
            if isinstance(values.get(each.name or ""), str):
                each.type.convert(values[each.name or ""], each, context)
    except click.UsageError as error:
        return error.format_message()
    return ""


def test_each_block_is_run_or_says_why_not() -> None:
    assert len(COMMAND_BLOCKS) > 60
    assert [name_of(block) for block in COMMAND_BLOCKS if not block.reason and block.page not in RUN_BY] == []


def test_commands_are_in_blocks_that_say_so() -> None:
    """A block without a language is output, a file or a diagram."""
    hidden = [
        f"{block.page}: {line}"
        for page in PAGES
        for block in blocks(page)
        if block.language == ""
        for line in block.body.splitlines()
        if PROGRAMS.match(line) and not MESSAGE.match(line)
    ]
    assert hidden == []


@pytest.mark.parametrize("page", sorted(RUN_BY))
def test_the_test_of_a_page_reads_it(page: str) -> None:
    text = (ROOT / RUN_BY[page]).read_text("utf-8")
    assert Path(page).name in text
    assert any(not block.reason for block in command_blocks(ROOT / page))


def test_each_command_exists_with_its_options() -> None:
    problems = [
        f"{block.page}: {line}: {problem}"
        for block in COMMAND_BLOCKS
        for line in block.lines
        for settings, words in simple_commands(line)
        if (problem := problem_of(settings, words))
    ]
    assert problems == []


def test_each_command_in_a_sentence_exists_with_its_options() -> None:
    """A sentence may name an option without its value."""
    problems = []
    n_commands = 0
    for page in PAGES:
        for line in INLINE.findall(BLOCK.sub("", page.read_text("utf-8"))):
            for settings, words in simple_commands(" ".join(line.split())):
                n_commands += 1
                if (problem := problem_of(settings, words)) and not problem.endswith("requires an argument."):
                    problems.append(f"{page.name}: {line}: {problem}")
    assert n_commands > 200
    assert problems == []


@pytest.mark.parametrize(
    "line",
    [
        "oversight fetch all",
        "oversight ship --fast x.csv",
        "oversight provision --keys",
        "oversight predict --format xml",
        "OVERSIGHT_MODLE=x oversight serve",
        "make everything",
        "python -m benchmarks.nothing",
    ],
)
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    assert [problem for each in simple_commands(line) if (problem := problem_of(*each))]
