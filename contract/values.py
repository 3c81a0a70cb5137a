"""What counts as a value of a feature: one rule for documents, files and, in Painless, the ingest pipelines.

    a document's or a row's value ─▶ missing? ─▶ number, boolean, part of a date, word ─▶ float or text for the graph

The graph takes float32: numbers lose digits past the seventh.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from contract.artifact.contract import Feature
from contract.artifact.json_reader import FLOAT_MAX
from contract.errors import (
    MissingFeatureError,
    NotABooleanError,
    NotADateError,
    NotANumberError,
    NotAWordError,
    NotFiniteError,
)

MAX_WORD = 1024
"""Most characters of a word, far above any vocabulary: it bounds the cost of one document."""
MAX_NUMBER = 64
"""Most characters of a number or a date written as text."""
BLANKS = "".join(map(chr, range(33)))
"""Characters that are cut off at both ends of a text, as Java's `trim` does in the pipelines."""

A_NUMBER = "a number"
A_WORD = f"text of 1 to {MAX_WORD} characters"
A_DATE = "a date in ISO 8601 such as 2026-03-04T05:06:07Z, or milliseconds since 1970"
FIRST_MS, END_MS = -30_610_224_000_000, 253_370_764_800_000
"""The years 1000 to 9998 in UTC, in milliseconds since 1970: they stay in range in every time zone."""
LARGEST_WHOLE = 2**53
"""Largest whole number that counts as a word: up to it a float64 is exact."""

_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"-?\d+", re.ASCII)
_DATE = re.compile(
    r"(?P<year>[1-9]\d{3})-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)?)?", re.ASCII
)
_MILLISECONDS = re.compile(r"\d{12,13}", re.ASCII)
"""From 1973 on: a shorter text of digits is more likely a date such as 20260304."""
_TRUTHS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}


class Container:
    """Replaces a list or an object in a message: its text could be megabytes, or deeper than Python can print."""

    def __init__(self, value: object) -> None:
        self._words = f"a list of {len(value)}" if isinstance(value, list) else "an object"

    def __repr__(self) -> str:
        return self._words


def printable(value: object) -> object:
    """The value itself where it is short to print, else a `Container`."""
    return Container(value) if isinstance(value, list | dict) else value


def is_missing(value: Any) -> bool:
    """Whether a document or a row counts as without the value: null, an empty list, blank text."""
    return (
        value is None
        or (isinstance(value, list) and not value)
        or (isinstance(value, str) and not value.strip(BLANKS))
        or (isinstance(value, float) and math.isnan(value))
    )


def feature_value(feature: Feature, value: Any, *, model_id: str) -> float | str:
    """The value that the graph gets: a float64 that float32 can hold, NaN for a missing one with a flag, or a word.

    Args:
        feature: says how the value is read.
        value: the field's, alone or in a list of one.
        model_id: the model's name, for messages.
    Raises:
        DocumentError: it is missing, or is no such value.
    """
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], list):
        value = value[0]
    if is_missing(value) and not (feature.missing == "error" and isinstance(value, float)):  # NaN is no number then
        return missing_value(feature, model_id=model_id)
    if feature.kind == "string":
        return to_word(feature.field, value, whole_numbers=_is_whole(value) and words_are_numbers(feature))
    if feature.reads == "number":
        return to_number(feature.field, value)
    if feature.reads == "boolean":
        return to_boolean(feature.field, value)
    return date_part(feature, to_date(feature.field, value))


def missing_value(feature: Feature, *, model_id: str) -> float | str:
    """What stands for a missing value.

    Raises:
        MissingFeatureError: nothing does.
    """
    if feature.missing == "error":
        raise MissingFeatureError(feature.field, model_id=model_id)
    if feature.kind == "string":
        return str(feature.missing_value or "")
    return math.nan if may_be_nan(feature) or feature.missing_value is None else float(feature.missing_value)


def may_be_nan(feature: Feature) -> bool:
    """Whether the graph may get NaN in place of a number."""
    return feature.missing == "flag" or (feature.missing == "value" and feature.missing_value is None)


def words_are_numbers(feature: Feature) -> bool:
    """Whether all words of a feature are whole numbers: then a number of a document is a word."""
    return bool(feature.vocabulary) and all(_WHOLE.fullmatch(word) for word in feature.vocabulary)


def to_number(field: str, value: Any) -> float:
    """A finite number that float32 can hold, as a float64.

    Raises:
        NotANumberError: it is none.
        NotFiniteError: it is too large.
    """
    if isinstance(value, str) and (read := number_in(value)) is not None:
        number = read
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    else:
        raise NotANumberError(field, printable(value), expected=A_NUMBER)
    if math.isnan(number):
        raise NotANumberError(field, value, expected=A_NUMBER)
    if abs(number) > FLOAT_MAX:
        raise NotFiniteError(field, number, expected=f"{A_NUMBER} of at most {FLOAT_MAX:.3g} (float32)")
    return number


def number_in(text: str) -> float | None:
    """The number that a text is, infinite if float64 cannot hold it; None if it is none."""
    text = text.strip(BLANKS)
    return float(text) if len(text) <= MAX_NUMBER and _DECIMAL.fullmatch(text) else None


def to_word(field: str, value: Any, *, whole_numbers: bool = False) -> str:
    """A word for a categorical feature, without blanks at its ends.

    Args:
        field: where it stands.
        value: the value.
        whole_numbers: it is a whole number, which is a word as well.
    Raises:
        NotAWordError: it is no text, too long, or has no UTF-8 (a lone surrogate).
    """
    if whole_numbers and abs(value) <= LARGEST_WHOLE:
        value = str(int(value))
    text = value.strip(BLANKS) if isinstance(value, str) else ""
    if not 0 < len(text) <= MAX_WORD:
        raise NotAWordError(field, printable(value), expected=A_WORD)
    if not has_utf8(text):
        raise NotAWordError(field, value, expected=f"{A_WORD} in UTF-8")
    return text


def has_utf8(text: str) -> bool:
    """Whether a text can be written as UTF-8; one with half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def to_boolean(field: str, value: Any) -> float:
    """1.0 for true, 0.0 for false.

    Raises:
        NotABooleanError: it is neither.
    """
    text = value.strip(BLANKS).lower() if isinstance(value, str) else ""
    if isinstance(value, bool) or (isinstance(value, int | float) and value in (0, 1)):
        return float(value)
    if text not in _TRUTHS:
        raise NotABooleanError(field, printable(value), expected="true or false")
    return _TRUTHS[text]


def to_date(field: str, value: Any) -> datetime:
    """A date in UTC; without a zone it counts as UTC, a number as milliseconds since 1970.

    Raises:
        NotADateError: it is none.
    """
    text = value.strip(BLANKS) if isinstance(value, str) else ""
    try:
        if isinstance(value, datetime):
            date = value
        elif (match := _DATE.fullmatch(text)) and match["year"] != "9999":
            date = datetime.fromisoformat(text.replace(",", "."))
        elif _is_whole(value) or _MILLISECONDS.fullmatch(text):
            date = _of_milliseconds(int(text or value))
        else:
            raise NotADateError(field, printable(value), expected=A_DATE)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotADateError(field, value, expected=A_DATE) from None


def _of_milliseconds(since_1970: int) -> datetime:
    if not FIRST_MS <= since_1970 < END_MS:
        raise ValueError
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=since_1970)


def _is_whole(value: Any) -> bool:
    """Whether it is a number without decimals; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0


def date_part(feature: Feature, date: datetime) -> float:
    """What a feature takes from a date: the hour, the weekday (Monday is 0), or the seconds since its origin."""
    if feature.reads == "hour":
        return float(date.hour)
    if feature.reads == "weekday":
        return float(date.weekday())
    return (date - _origin(feature.origin)).total_seconds()


@lru_cache(maxsize=64)
def _origin(date: str) -> datetime:
    return to_date("origin", date)
