"""What is known of one column, collected batch by batch in bounded memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from contract.artifact.json_reader import FLOAT_MAX
from contract.errors import DocumentError
from contract.values import BLANKS, MAX_NUMBER, MAX_WORD, is_missing, number_in, to_date
from converter.held import largest_loss

MOST_VALUES = 10_000
"""Different values of a column that are counted. A column with more is no vocabulary."""
_TRUE, _FALSE = "true", "false"


def number_of(value: Any) -> float | None:
    """A finite number that float32 can hold, or None. A number as text is one; true and false are none."""
    if isinstance(value, bool):
        return None
    number = number_in(value) if isinstance(value, str) else value
    if isinstance(number, int | float) and abs(number) <= FLOAT_MAX:
        return float(number)
    return None


def date_of(value: Any) -> datetime | None:
    """A date in UTC, or None, as the service reads it. Text must be in ISO 8601."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and "-" in value[:MAX_NUMBER]):
        return None
    try:
        return to_date("date", value)
    except DocumentError:
        return None


def word_of(value: Any) -> str:
    """A value as a word of a vocabulary: whole numbers without a decimal point, no blanks at the ends."""
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip(BLANKS)


def label_word(value: Any) -> str:
    """A value of the truth's column as a label is written; empty if it is missing."""
    return "" if is_missing(value) else word_of(value)


class Column:
    """Counts of one column; `add` takes it batch by batch."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = self.missing = self.numbers = self.dates = self.booleans = self.lists = 0
        self.low, self.high = math.inf, -math.inf
        self.whole = self.ascending = True
        """Whether all numbers are whole, and each larger than the one before."""
        self.largest_loss = 0.0
        """Largest difference between a number and its float32."""
        self.characters = self.blanks_inside = 0
        self.words: Counter[str] = Counter()
        """How often each value occurs; no longer counted once there are more than `MOST_VALUES`."""
        self.too_many = False
        self._last = -math.inf

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    def add(self, values: Sequence[Any]) -> None:
        """Count the values of further rows."""
        self.rows += len(values)
        present = [value for value in values if not is_missing(value)]
        self.missing += len(values) - len(present)
        self.lists += sum(isinstance(value, list | dict) for value in present)
        texts = [word_of(value)[: MAX_WORD + 1] for value in present]
        self.booleans += sum(text.lower() in (_TRUE, _FALSE) for text in texts)
        self.characters += sum(map(len, texts))
        self.blanks_inside += sum(" " in text for text in texts)
        numbers = [number for number in map(number_of, present) if number is not None]
        self._add_numbers(np.array(numbers))
        if len(numbers) < len(present):
            self.dates += sum(date_of(value) is not None for value in present)
        if not self.too_many:
            self.words.update(texts)
            if len(self.words) > MOST_VALUES:
                self.too_many, self.words = True, Counter()

    def _add_numbers(self, numbers: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        if not len(numbers):
            return
        self.numbers += len(numbers)
        self.low, self.high = min(self.low, float(numbers.min())), max(self.high, float(numbers.max()))
        self.whole &= bool((numbers == np.floor(numbers)).all())
        self.ascending &= bool(numbers[0] > self._last and (np.diff(numbers) > 0).all())
        self._last = float(numbers[-1])
        self.largest_loss = max(self.largest_loss, largest_loss(numbers))
