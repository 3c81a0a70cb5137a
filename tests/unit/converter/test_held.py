"""Which columns of numbers fit float32: those of sensors, and not those that would lose whole steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from common.tables.batch import Batch
from contract.artifact.contract import Feature, Label, ModelContract
from contract.errors import InputError
from converter.describe.describe import Wishes, describe
from converter.describe.seen import see
from converter.held import LARGEST_WHOLE, held_problem, largest_loss
from converter.rows import as_float32

N = 5_000
Column = NDArray[np.float64]
Make = Callable[[np.random.Generator], Column]
DAY, MONTH, NOW = 86_400, 30 * 86_400, 1_790_000_000


def between(low: float, high: float, decimals: int = 15) -> Make:
    """Values with this number of decimals; 15: all decimals of float64."""
    return lambda rng: np.round(rng.uniform(low, high, N), decimals)


def whole(low: int, count: int) -> Make:
    return lambda rng: np.array(low + rng.permutation(count)[:N], float)


HELD: dict[str, Make] = {
    "room temperature, °C": between(20.1, 20.9, 1),
    "room temperature of float64": between(20.1, 20.9),
    "mains voltage": between(229.5, 230.4, 1),
    "mains voltage of float64": between(229.5, 230.4),
    "air pressure, hPa": between(1013.2, 1014.8, 1),
    "air pressure of float64": between(1013.2, 1014.8),
    "air pressure, Pa": between(101_320, 101_480, 2),
    "mains frequency": between(49.98, 50.02, 3),
    "room temperature, K": between(293.25, 294.05, 2),
    "latitudes of a town": between(52.50, 52.54, 6),
    "whole numbers up to 2 to the 24th": whole(LARGEST_WHOLE - 9_000, 9_001),
    "ids from 0": whole(0, 1_000_000),
    "bytes of flows": lambda rng: np.floor(rng.lognormal(8, 4, N)),
    "seconds since 1970 over decades": between(0, NOW, 0),
    "two equal values": lambda rng: np.full(N, 0.1),
}
NOT_HELD: dict[str, Make] = {
    "seconds since 1970 over a day": whole(NOW, DAY),
    "seconds since 1970 over a month": whole(NOW, MONTH),
    "seconds since 1970 over a year": between(NOW, NOW + 365 * DAY, 0),
    "seconds since 1970 over a month, with fractions": between(NOW, NOW + MONTH, 3),
    "a few seconds since 1970 over a month": lambda rng: np.floor(rng.uniform(NOW, NOW + MONTH, 100)),
    "milliseconds since 1970 over a day": between(NOW * 1000, (NOW + DAY) * 1000, 0),
    "milliseconds since 1970 over a month": between(NOW * 1000, (NOW + MONTH) * 1000, 0),
    "ids above 2 to the 24th": whole(LARGEST_WHOLE + 1, 10_000),
    "large ids, each one more": whole(4_000_000_000, 100_000),
    "a billion and a little noise": lambda rng: 1e9 + rng.normal(0, 1, N),
    "a large counter that hardly moves": whole(10**9, 1_000_000),
    "a meter whose decimals are lost": between(45_012.3, 45_019.9, 3),
    "hours since 1970 over a day": between(NOW / 3600, NOW / 3600 + 24, 4),
}


def described(values: Column) -> str:
    """The reason why `contract init` leaves the column out; empty if it does not."""
    batch = Batch(1, len(values), {"other": [0.5, 1.5] * (len(values) // 2), "it": values.tolist()})
    left_out = describe(see([batch]), Wishes("sample")).left_out
    return next((each.reason for each in left_out if each.name == "it"), "")


def refused(values: Column) -> str:
    """The reason why `convert` and `adopt` refuse the rows; empty if they do not."""
    labels = (Label("calm", "fine", 0), Label("flood", "bad", 20))
    contract = ModelContract("rivers", (Feature("it", "it", "float"),), labels, ("fine", "bad"))
    try:
        as_float32(values[:, None], contract)
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", HELD)
def test_a_column_that_fits_float32_is_a_feature(name: str) -> None:
    """Rounding costs at most a ten-thousandth of the spread, and no integer becomes another one."""
    values = HELD[name](np.random.default_rng(5))
    assert "float32" not in described(values)
    assert refused(values) == ""
    held = values.astype(np.float32).astype(np.float64)
    assert np.abs(held - values).max() <= max(1e-4 * np.ptp(values), np.abs(values[0]) * 1e-7)
    if np.abs(values).max() <= LARGEST_WHOLE:
        assert np.array_equal(np.unique(np.round(values)).astype(np.float32), np.unique(np.round(values)))


@pytest.mark.parametrize("name", NOT_HELD)
def test_a_column_that_loses_steps_is_left_out_and_refused_with_what_to_do(name: str) -> None:
    """By `contract init`, and by `convert` and `adopt` for a handwritten contract."""
    values = NOT_HELD[name](np.random.default_rng(5))
    assert "float32 changes its values" in described(values)
    assert "take it as words with --words it" in described(values)
    assert "'it': float32 changes its values" in refused(values)


def test_columns_at_the_limits_are_accepted() -> None:
    assert held_problem(0.0, 100.0, 0.01) is None
    assert held_problem(0.0, 100.0, 0.0101) is not None
    top = 1_000_000.0 + LARGEST_WHOLE
    assert held_problem(LARGEST_WHOLE, top, 1.0) is None
    assert held_problem(-top, -LARGEST_WHOLE, 1.5) == (
        "float32 changes its values, -17777216 to -16777216, by up to 1.5, more than 1e-06 of their spread"
    )
    assert largest_loss(np.array([])) == 0.0
