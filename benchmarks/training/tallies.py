"""Add tallies, and store them as JSON values: two files joined have the sum of their tallies."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.evaluation.tally import Tally

PARTS = tuple(field.name for field in dataclasses.fields(Tally))


def total(tallies: Sequence[Tally]) -> Tally:
    """The sum of one or more tallies."""
    return Tally(**{name: np.sum([getattr(each, name) for each in tallies], axis=0) for name in PARTS})


def to_json(tally: Tally) -> dict[str, Any]:
    """The tally as JSON values. Counts become whole numbers; sums of probabilities do not."""
    return {name: _whole(getattr(tally, name).tolist()) for name in PARTS}


def from_json(values: Mapping[str, Any]) -> Tally:
    """Rebuild a tally from the values of `to_json`.

    Raises:
        KeyError, TypeError, ValueError: the values are something else.
    """
    return Tally(**{name: np.array(values[name], np.float64) for name in PARTS})


def _whole(values: Any) -> Any:
    """Nested lists with whole numbers as int."""
    if isinstance(values, list):
        return [_whole(value) for value in values]
    return int(values) if values.is_integer() else values
