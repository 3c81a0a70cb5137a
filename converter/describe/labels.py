"""What a sample's label column says: the task, the labels and which of them are harmless."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contract.artifact.contract import Label, Task
from contract.errors import InputError, shorten
from converter.describe.column import Column, number_of

HARMLESS = ("normal", "benign", "ok", "0", "false")
"""Labels that are harmless unless someone says otherwise, in any spelling of capitals."""
RESERVED = "unknown"
"""The verdict on rows unlike anything in training: no label may have this name."""
SEVERITY = 50
MOST_LABELS = 500
FEW_NUMBERS = 20
"""Different whole numbers up to which a label of numbers is taken for codes of classes."""
_SPELT = re.compile(r"[^\w .:+@()<>=,'-]+")


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of a classification."""

    labels: tuple[Label, ...]
    families: tuple[str, ...]
    words: Mapping[str, str]
    """By the value in the data, the label's name."""
    rows: Mapping[str, int]
    """By label, how many rows of the sample have it."""

    @property
    def respelt(self) -> dict[str, str]:
        """Names that differ from what the data say: the original by name."""
        return {name: word for word, name in self.words.items() if name != word}


def task_of(column: Column | None, task: Task | None) -> Task:
    """The task that fits a label column.

    Raises:
        InputError: it could be two tasks; asks.
    """
    if task is not None:
        if task != "anomaly" and column is None:
            raise InputError(f"the task {task!r} needs the column of the truth; name it with --label")
        return task
    if column is None:
        return "anomaly"
    different = column.present if column.too_many else len(column.words)
    if column.numbers == column.present and not (column.whole and different <= FEW_NUMBERS):
        if column.whole and different <= MOST_LABELS:
            raise InputError(
                f"the label {column.name!r} has {different:,} different whole numbers: are they values or codes of "
                f"classes? Add --task regression or --task classification"
            )
        return "regression"
    return "classification"


def labels_of(column: Column, harmless: Sequence[str], order: Sequence[str] = ()) -> Labels:
    """The labels of a column: whole numbers in their order, words in the alphabet's, as most encoders have them.

    Args:
        column: the label column.
        harmless: the values that are harmless; empty: those of `HARMLESS` that occur.
        order: all values in the order of the model's outputs, where it is another one.
    Raises:
        InputError: there are fewer than two labels, or too many, none is known to be harmless, or `order` is not all.
    """
    if column.too_many or len(column.words) > MOST_LABELS:
        raise InputError(f"the label {column.name!r} has more than {MOST_LABELS} different values; name another column")
    if len(column.words) < 2:
        raise InputError(f"the label {column.name!r} has fewer than two different values; name another column")
    counts = Counter(column.words)
    if column.missing:
        counts[""] = column.missing
    values = sorted(
        counts, key=lambda value: (float(value), value) if column.numbers == column.present and value else (0.0, value)
    )
    if order:
        values = _ordered(values, order)
    safe = _harmless(values, harmless, column.name)
    words = _spelling(values)
    labels = tuple(
        Label(words[value], "normal" if value in safe else words[value], 0 if value in safe else SEVERITY)
        for value in values
    )
    families = tuple(dict.fromkeys(label.family for label in sorted(labels, key=lambda label: label.severity > 0)))
    return Labels(labels, families, words, {words[value]: counts[value] for value in values})


def _ordered(values: Sequence[str], order: Sequence[str]) -> list[str]:
    if sorted(values) != sorted(order):
        raise InputError(f"--labels {','.join(order)}: expected each of {_shown(values)} once")
    return list(order)


def _harmless(values: Sequence[str], given: Sequence[str], column: str) -> set[str]:
    absent = [value for value in given if value not in values]
    if absent:
        raise InputError(f"no row has the label {absent[0]!r}; --harmless takes values of {column!r}: {_shown(values)}")
    safe = set(given) or {value for value in values if value.lower() in HARMLESS or number_of(value) == 0}
    if not safe:
        raise InputError(
            f"which labels are harmless? None of {_shown(values)} is one of {', '.join(HARMLESS)}; name them with "
            f"--harmless LABEL, once for each"
        )
    return safe


def _spelling(values: Sequence[str]) -> dict[str, str]:
    """A name for each value that can be shown, indexed and part of a path."""
    names: dict[str, str] = {}
    for value in values:
        name = " ".join(_SPELT.sub("_", value).split())[:200] or "empty"
        if name.lower() == RESERVED:
            name = f"{name}_label"
        while name in names.values():
            name += "_"
        names[value] = name
    return names


def _shown(values: Sequence[str]) -> str:
    return ", ".join(map(shorten, values[:10])) + (f" and {len(values) - 10} more" if len(values) > 10 else "")
