"""Messages stay one short line for every value."""

from __future__ import annotations

from typing import Any

import pytest

from contract.errors import (
    AmbiguousFieldError,
    InvalidFeatureError,
    MissingFeatureError,
    NotANumberError,
    NotAWordError,
    NotFiniteError,
    shorten,
)


def _deep() -> Any:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", ["x" * 1000, "a\nb", 10**5000, {"a": 1}, None], ids=["long", "two lines", "huge", "dict", "none"]
)
def test_any_value_is_shown_in_one_short_line(value: object) -> None:
    text = shorten(value)
    assert len(text) <= 60
    assert "\n" not in text


def test_a_value_that_is_nested_too_deep_is_named_by_its_type() -> None:
    assert shorten(_deep()) == "a list that is too large to show"


def test_document_errors_name_the_field_and_carry_a_stable_code() -> None:
    errors = [
        MissingFeatureError("a.b", model_id="m"),
        InvalidFeatureError("a.b", "x", expected="a number"),
        AmbiguousFieldError("a.b"),
        *(error("a.b", "x", expected="another") for error in (NotANumberError, NotFiniteError, NotAWordError)),
    ]
    assert [error.code for error in errors] == [
        "missing_feature",
        "invalid_feature",
        "ambiguous_field",
        "not_a_number",
        "not_finite",
        "not_a_word",
    ]
    assert all(error.field == "a.b" and "'a.b'" in str(error) for error in errors)
