"""Long files start first (tests/order.py)."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.order import LONG, sort


@dataclass
class Item:
    nodeid: str


def test_every_long_file_exists() -> None:
    """A renamed file needs its new name in tests/order.py."""
    assert [file for file in LONG if not (ROOT / file).is_file()] == []


def test_long_files_come_first_and_the_others_stay_in_order() -> None:
    names = ["a.py::z", f"{LONG[1]}::b", "a.py::y", f"{LONG[0]}::c", f"{LONG[1]}::a"]
    items: list[Any] = [Item(name) for name in names]
    sort(items)
    assert [item.nodeid for item in items] == [names[3], names[1], names[4], names[0], names[2]]


@pytest.mark.parametrize(
    ("words", "code", "files"),
    [
        ((), pytest.ExitCode.NO_TESTS_COLLECTED, set()),
        (("-m", "docker"), pytest.ExitCode.OK, {"test_image.py", "test_pins.py", "test_stack.py"}),
        (("-m", "stack"), pytest.ExitCode.OK, {"test_elastic.py"}),
    ],
)
def test_only_a_run_that_names_the_mark_has_the_tests_of_containers(
    words: tuple[str, ...], code: int, files: set[str]
) -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *words, "tests/docker"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout
    assert set(re.findall(r"^tests/docker/(\w+\.py)::", done.stdout, re.MULTILINE)) == files
    assert "deselected" in done.stdout
