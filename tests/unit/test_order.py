"""Long files start first (tests/order.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.conftest import ROOT
from tests.order import LONG, pytest_collection_modifyitems


@dataclass
class Item:
    nodeid: str


def test_every_long_file_exists() -> None:
    """A renamed file needs its new name in tests/order.py."""
    assert [file for file in LONG if not (ROOT / file).is_file()] == []


def test_long_files_come_first_and_the_others_stay_in_order() -> None:
    names = ["a.py::z", f"{LONG[1]}::b", "a.py::y", f"{LONG[0]}::c", f"{LONG[1]}::a"]
    items: list[Any] = [Item(name) for name in names]
    pytest_collection_modifyitems(items)
    assert [item.nodeid for item in items] == [names[3], names[1], names[4], names[0], names[2]]
