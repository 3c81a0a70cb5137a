"""How values that anyone may have put into a log are shown."""

from __future__ import annotations

import pytest

from console.events.safe_text import EMPTY, LONGEST, label, plain, visible


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("alpha", "alpha"),
        ("ürün מדינה 数据", "ürün מדינה 数据"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("a\nb\tc\r\x00", "a\\nb\\tc\\r\\u0000"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\ud800", "\\ud800"),
        ("<script>", "<script>"),
    ],
)
def test_marks_that_turn_or_hide_text_are_spelled_out(value: str, shown: str) -> None:
    """Letters of every script stay; drawn text needs no other escaping."""
    assert visible(value) == shown


def test_a_long_value_keeps_its_beginning_and_its_end() -> None:
    """Two long values that differ at the end stay different."""
    one, other = label("x" * 10_000 + "1"), label("x" * 10_000 + "2")
    assert len(one) == LONGEST
    assert label("x" * 500 + "1") != label("x" * 500 + "2")
    assert one.startswith("xxx")
    assert other


def test_an_empty_value_has_a_name() -> None:
    """Otherwise a bar would have no name."""
    assert label("") == EMPTY


@pytest.mark.parametrize(
    ("value", "shown"), [(True, "true"), (None, ""), (3.0, "3"), (0.5, "0.5"), (1e300, "1e+300"), (7, "7")]
)
def test_numbers_and_booleans_are_shown_as_in_json(value: object, shown: str) -> None:
    """A float without decimals is shown as an integer."""
    assert plain(value) == shown
