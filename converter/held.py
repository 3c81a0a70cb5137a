"""The one rule for which columns of numbers float32 can hold. Models take float32.

| largest absolute value | float32 may change a value by        |
|------------------------|--------------------------------------|
| at most 2 to the 24th  | a ten-thousandth of the spread       |
| above                  | a millionth of the spread            |

Up to 2 to the 24th float32 keeps all whole numbers, so no second, no count and no identifier becomes its neighbour.
docs/decisions/0061 has the reasons.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_WHOLE = 2**24
"""Up to here float32 holds every whole number."""
SHARE, SHARE_ABOVE = 1e-4, 1e-6
"""Share of the spread by which a value may change: up to `LARGEST_WHOLE`, and above."""


def largest_loss(numbers: NDArray[np.float64]) -> float:
    """Largest difference between a number and its float32; 0 if there are no numbers."""
    with np.errstate(over="ignore"):
        held: NDArray[Any] = numbers.astype(np.float32).astype(np.float64)
    return float(np.abs(held - numbers).max()) if len(numbers) else 0.0


def held_problem(low: float, high: float, loss: float) -> str | None:
    """What float32 does to a column that it does not hold, without the remedy; None if it holds the column.

    Args:
        low: the smallest value.
        high: the largest value.
        loss: the largest difference between a value and its float32.
    """
    share = SHARE if max(abs(low), abs(high)) <= LARGEST_WHOLE else SHARE_ABOVE
    if loss <= share * (high - low) or low == high:
        return None
    return (
        f"float32 changes its values, {low:.15g} to {high:.15g}, by up to {loss:.2g}, more than {share:g} of their "
        f"spread"
    )
