"""The shipped model's reasons, checked on the training set: they name what made the verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.enrich_service.faithful import N_ROWS, Faithfulness, measure
from contract.kdd99.columns import UNKNOWN_LABEL
from enrich_service.model.artifact import load
from oversight.config.settings import DEFAULT_MODEL
from training.data.records import read

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def measured(shared_data: Path) -> dict[str, Faithfulness]:
    records, _ = read(shared_data / "kdd99" / "kddcup.data_10_percent.gz")
    return {result.verdict: result for result in measure(load(DEFAULT_MODEL), records, at_least=200)}


@pytest.mark.parametrize("attack", ["back", "neptune", "satan", "smurf", "warezclient"])
def test_a_first_reason_holds_the_verdict_up(measured: dict[str, Faithfulness], attack: str) -> None:
    """Usual in its place, the log-odds fall, and by more than with another feature; on nine rows of ten at least."""
    result = measured[attack]
    assert result.n_rows == N_ROWS
    assert min(result.lowered, result.more_than_random, result.more_than_random_odd) >= 0.9
    assert result.with_real_values >= 0.9


def test_a_first_reason_of_an_unknown_makes_it_less_new(measured: dict[str, Faithfulness]) -> None:
    """A row may be new in two ways at once, so that no single feature takes it back; of most there is one that does."""
    result = measured[UNKNOWN_LABEL]
    assert min(result.lowered, result.more_than_random, result.more_than_random_odd) >= 0.9
