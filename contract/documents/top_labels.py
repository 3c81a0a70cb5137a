"""The likeliest labels of a prediction, each with its probability in one word: `neptune 0.931`.

Not every index keeps an array of objects: with synthetic `_source`, the labels and the probabilities come back as two
separately sorted lists. A word that contains both is correct in any order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

STEPS = 1_000
_SHARES = np.array([f"{step / STEPS:.3f}" for step in range(STEPS + 1)], np.object_)
"""Every probability as text, with three decimals. `oversight.prediction.probability` has all digits."""


class Likely(NamedTuple):
    """One label and its probability, 0 to 1; None if the document does not have it."""

    label: str
    probability: float | None


def as_word(label: str, probability: float) -> str:
    """The word for a label and its probability: `neptune 0.931`."""
    return str(as_words(words_of([label]), np.array([probability]))[0])


def words_of(labels: Sequence[str]) -> NDArray[np.object_]:
    """Labels as `as_words` takes them, shape (n_labels,)."""
    return np.array([f"{label} " for label in labels], np.object_)


def as_words(labels: NDArray[np.object_], probabilities: NDArray[np.float64]) -> NDArray[np.object_]:
    """The words for many labels (of `words_of`) and their probabilities, all of the same shape."""
    steps = np.rint(probabilities * STEPS).clip(0, STEPS).astype(np.intp)
    words: NDArray[np.object_] = labels + _SHARES[steps]
    return words


def from_stored(value: Any) -> Likely | None:
    """Parse one entry of `oversight.prediction.top`; None if it is unreadable.

    Documents of older versions have an object instead of a word.
    """
    if isinstance(value, Mapping):
        label, probability = value.get("label"), value.get("probability")
        if not isinstance(label, str):
            return None
        if isinstance(probability, bool) or not isinstance(probability, int | float):
            return Likely(label, None)
        return Likely(label, float(probability))
    if not isinstance(value, str):
        return None
    label, _, text = value.rpartition(" ")
    try:
        probability = float(text)
    except ValueError:
        return None
    return Likely(label, probability) if label and math.isfinite(probability) else None
