"""Rows for checking a conversion: those of a file (`converter.proof`), or rows made from the contract's features.

Rows with words that no vocabulary contains are added to each set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import Feature, ModelContract
from contract.errors import InputError
from converter.held import held_problem, largest_loss

UNSEEN_WORD = "\N{REPLACEMENT CHARACTER}unseen"
"""A word that no sensible vocabulary contains; has a character beyond ASCII on purpose."""
N_MADE = 2_000
MISSING_EVERY = 10
"""One row in ten lacks a feature that may be missing."""
N_MOST = 50_000
"""Rows of a file that are used. More rows find no more errors, and cost time."""


@dataclass(frozen=True)
class Rows:
    """Raw feature values."""

    numeric: NDArray[np.float32]
    """Shape (n_rows, n_numeric)."""
    categorical: NDArray[np.object_]
    """Shape (n_rows, n_categorical), Python strings."""

    def __len__(self) -> int:
        return len(self.numeric)

    def part(self, start: int, end: int) -> Rows:
        """The rows from `start` up to `end`, without `end`."""
        return Rows(self.numeric[start:end], self.categorical[start:end])

    def first(self) -> Rows:
        """The first row alone."""
        return Rows(self.numeric[:1], self.categorical[:1])


def with_unseen_words(rows: Rows) -> Rows:
    """The rows, then some of them again: with an unseen word in each categorical column in turn, then in all."""
    n_columns = rows.categorical.shape[1]
    if n_columns == 0:
        return rows
    some = slice(0, min(len(rows), 100))
    changed = [np.array(rows.categorical[some]) for _ in range(n_columns + 1)]
    for column in range(n_columns):
        changed[column][:, column] = UNSEEN_WORD
    changed[n_columns][:] = UNSEEN_WORD
    numeric = np.concatenate([rows.numeric, *[rows.numeric[some]] * len(changed)])
    return Rows(numeric, np.concatenate([rows.categorical, *changed]))


def made_from(contract: ModelContract, *, n_rows: int = N_MADE, seed: int = 0) -> Rows:
    """Make rows within the contract's ranges and vocabularies; the first one has the harmless background values."""
    rng = np.random.default_rng(seed)
    numeric = np.zeros((n_rows, len(contract.numeric)), np.float32)
    for index, feature in enumerate(contract.numeric):
        numeric[:, index] = _numbers(feature, rng, n_rows)
        if feature.missing == "flag" or (feature.missing == "value" and feature.missing_value is None):
            numeric[1::MISSING_EVERY, index] = np.nan  # a missing one, as the service gives it to the graph
    categorical = np.empty((n_rows, len(contract.categorical)), object)
    for index, feature in enumerate(contract.categorical):
        categorical[:, index] = rng.choice(np.array(feature.vocabulary, object), n_rows)
        if isinstance(feature.background, str):
            categorical[0, index] = feature.background
    return Rows(numeric, categorical)


def _numbers(feature: Feature, rng: np.random.Generator, n_rows: int) -> NDArray[np.float64]:
    """Values of one feature: a third evenly spread, a third near the minimum, a third 0 or the background."""
    low = -1.0 if feature.minimum is None else feature.minimum
    high = max(low, 1.0 if feature.maximum is None else feature.maximum)
    rest = float(feature.background) if isinstance(feature.background, float) else min(max(0.0, low), high)
    spread = low + (high - low) * rng.random(n_rows)
    near = low + np.expm1(rng.random(n_rows) * math.log1p(high - low))
    values = np.choose(rng.integers(0, 3, n_rows), [spread, near, np.full(n_rows, rest)])
    values[0] = rest
    return values


def as_float32(numbers: NDArray[np.float64], contract: ModelContract) -> NDArray[np.float32]:
    """The numbers as the graph takes them.

    Raises:
        InputError: float32 does not hold a feature's values (`converter.held`); says what to do.
    """
    for column, feature in enumerate(contract.numeric):
        values = numbers[:, column][np.isfinite(numbers[:, column])]
        problem = held_problem(values.min(), values.max(), largest_loss(values)) if len(values) else None
        if problem is not None:
            raise InputError(
                f"feature {feature.name!r}: {problem}; subtract a fixed number in training and in the documents, read "
                f'a date with "reads": "seconds" and an `origin`, or write an identifier as "kind": "string"'
            )
    return numbers.astype(np.float32)
