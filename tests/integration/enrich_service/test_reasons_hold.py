"""The shipped model's reasons, checked on the training set: they name the features that caused the verdict."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks.enrich_service.faithful import N_ROWS, Faithfulness, first_reasons, measure
from benchmarks.enrich_service.reasons_bench import without_usual_reasons
from common.settings.shared import DEFAULT_MODEL
from contract.kdd99.columns import NORMAL, UNKNOWN_LABEL
from enrich_service.model.artifact import load
from training.data.records import Records, read

pytestmark = pytest.mark.data

N_ATTACKS = 5000


Read = Callable[[str], Records]


@pytest.fixture(scope="module")
def records_of(shared_data: Path) -> Read:
    """Reads each file once."""
    return lru_cache(lambda name: read(shared_data / "kdd99" / name)[0])


@pytest.fixture(scope="module")
def measured(records_of: Read) -> dict[str, Faithfulness]:
    records = records_of("kddcup.data_10_percent.gz")
    return {result.verdict: result for result in measure(load(DEFAULT_MODEL), records, at_least=200)}


@pytest.mark.parametrize("attack", ["back", "neptune", "satan", "smurf", "warezclient"])
def test_a_first_reason_supports_the_verdict(measured: dict[str, Faithfulness], attack: str) -> None:
    """With its usual value the log-odds fall more than with another feature's, on at least nine rows of ten."""
    result = measured[attack]
    assert result.n_rows == N_ROWS
    assert min(result.lowered, result.more_than_random, result.more_than_random_odd) >= 0.9
    assert result.with_real_values >= 0.9


@pytest.mark.parametrize("name", ["kdd99-mlp", "kdd99-flow"])
@pytest.mark.parametrize(
    ("file", "least"), [("kddcup.data_10_percent.gz", 0.999), ("corrected-dev.gz", 0.99)], ids=["training", "test"]
)
def test_the_usual_reasons_give_the_first_reason_of_all_features(
    records_of: Read, name: str, file: str, least: float
) -> None:
    """For the attacks of the training file, and for later ones that were not used to find the usual reasons."""
    artifact = load(DEFAULT_MODEL.parent.parent / name / "model.onnx")
    assert any(label.usual_reasons for label in artifact.contract.labels)
    records = records_of(file)
    numeric, words = records.pick([feature.name for feature in artifact.contract.features])
    some = np.random.default_rng(0).choice(np.flatnonzero(records.labels != NORMAL), N_ATTACKS, replace=False)
    rows = numeric[some], words[some].astype(object)
    closest = artifact.run(*rows)["probabilities"].argmax(axis=1)
    attacks = closest != [label.name for label in artifact.contract.labels].index(NORMAL)
    rows, closest = (rows[0][attacks], rows[1][attacks]), closest[attacks]
    usual, every = (
        first_reasons(which, *rows, closest, of_novelty=False) for which in (artifact, without_usual_reasons(artifact))
    )
    assert (usual == every).mean() >= least


def test_a_first_reason_of_an_unknown_makes_it_less_new(measured: dict[str, Faithfulness]) -> None:
    """If a row is new in two ways, no single feature makes it usual; for most rows one does."""
    result = measured[UNKNOWN_LABEL]
    assert min(result.lowered, result.more_than_random, result.more_than_random_odd) >= 0.9
