"""The likeliest labels of a prediction, one word each: `neptune 0.931`.

An array of objects does not survive every index: with synthetic `_source` its labels and its probabilities come back as
two lists, each sorted for itself. A word that holds both can be read in any order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

STEPS = 1_000
SHARES = tuple(f"{step / STEPS:.3f}" for step in range(STEPS + 1))
"""Every probability as it is written: three decimals. `oversight.prediction.probability` has all digits of the first
one.
"""


class Likely(NamedTuple):
    """One label and its probability, 0 to 1; None where the document does not say it."""

    label: str
    probability: float | None


def as_word(label: str, probability: float) -> str:
    """`neptune 0.931`."""
    return f"{label} {SHARES[min(STEPS, max(0, round(probability * STEPS)))]}"


def from_stored(value: Any) -> Likely | None:
    """One entry of `oversight.prediction.top`, also of a document of an older version, where it is an object.

    None where it is neither.
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
