"""The likeliest labels of a prediction, each with its probability in one word: `neptune 0.931`.

Not every index keeps an array of objects: with synthetic `_source`, the labels and the probabilities come back as two
separately sorted lists. A word that contains both is correct in any order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

STEPS = 1_000
SHARES = tuple(f"{step / STEPS:.3f}" for step in range(STEPS + 1))
"""Every probability as text, with three decimals. `oversight.prediction.probability` has all digits."""


class Likely(NamedTuple):
    """One label and its probability, 0 to 1; None if the document does not have it."""

    label: str
    probability: float | None


def as_word(label: str, probability: float) -> str:
    """The word for a label and its probability: `neptune 0.931`."""
    return f"{label} {SHARES[min(STEPS, max(0, round(probability * STEPS)))]}"


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
