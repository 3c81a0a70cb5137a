"""Random draws with a seed, named for what the scenarios need."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
Z90 = 1.2816
"""Standard normal quantile of 0.9: a lognormal's 90th percentile is this many sigmas above its median."""


class Draw:
    """One stream of random values; the same seed gives the same values."""

    def __init__(self, seed: np.random.SeedSequence) -> None:
        self._generator = np.random.default_rng(seed)

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included, all equally likely."""
        return int(self._generator.integers(low, high + 1))

    def seconds(self, low_s: float, high_s: float) -> float:
        """A time between two bounds, in whole milliseconds."""
        return round(float(self._generator.uniform(low_s, high_s)), 3)

    def pause(self, mean_s: float) -> float:
        """An exponential waiting time, in whole milliseconds."""
        return round(float(self._generator.exponential(mean_s)), 3)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self._generator.random() < probability)

    def pick(self, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """One of the options; the weights need not sum to 1."""
        if weights is None:
            return options[self.between(0, len(options) - 1)]
        point = float(self._generator.random()) * math.fsum(weights)
        for option, weight in zip(options, weights, strict=True):
            point -= weight
            if point < 0:
                return option
        return options[-1]

    def skewed(self, median: float, p90: float, low: int, high: int) -> int:
        """A size with a long tail (lognormal, by its median and 90th percentile), limited to `low` and `high`."""
        sigma = math.log(p90 / median) / Z90
        return min(high, max(low, round(median * math.exp(sigma * float(self._generator.standard_normal())))))

    def client_port(self) -> int:
        """A port that a client's system assigns."""
        return self.between(1024, 65535)
