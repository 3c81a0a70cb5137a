"""Drift: values distributed as in training have a PSI near 0, others a high one; a few values have none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.artifact.contract import Feature, Label, ModelContract
from enrich_service.predict.drift import HOUR_S, HOURS, MAX_ROWS, MIN_DOCUMENTS, Bins, Drift
from enrich_service.predict.features import RowKey, row_keys

CONTRACT = ModelContract(
    name="rivers",
    features=(
        Feature("unprofiled", "river.unprofiled", "float"),
        Feature(
            "colour",
            "river.colour",
            "string",
            vocabulary=("green", "red", "white"),
            usual_shares=(("green", 0.75), ("red", 0.245), ("white", 0.005)),
        ),
        Feature("depth", "river.depth", "float", profile_edges=(0.0, 2.0, 5.0), profile_shares=(0.5, 0.25, 0.25, 0.0)),
        Feature("width", "river.width", "float", profile_edges=(10.0,), profile_shares=(0.5, 0.5)),
    ),
    labels=(Label("calm", "calm", 0), Label("flood", "danger", 80)),
    families=("calm", "danger"),
)
SIZE = 4 + 4 + 2  # depth, width and then the words: green, red, rare, unseen; depth has four bins, width two


def rows(*values: tuple[float, float, str]) -> tuple[NDArray[np.float32], NDArray[np.object_]]:
    """Depth, width and colour of some rivers."""
    numeric = np.array([(0.0, depth, width) for depth, width, _ in values], np.float32)
    return numeric, np.array([[colour] for *_, colour in values], np.object_)


def keys(*values: tuple[float, float, str]) -> list[RowKey]:
    """The same rivers, in the form in which the service stores their features."""
    return row_keys(*rows(*values))


AS_TRAINED = [
    (0.0, 9.0, "green"),
    (0.0, 11.0, "green"),
    (1.0, 9.0, "green"),
    (3.0, 11.0, "red"),
]


def test_a_value_on_an_edge_is_in_the_bin_below_it() -> None:
    """As in the profile: 0 is alone in the first bin of a column that is mostly 0."""
    bins = Bins(CONTRACT)
    assert bins.sizes == [4, 2, 4]
    numeric, words = rows((0.0, 10.0, "green"), (0.1, 10.5, "white"), (2.0, -1e30, "blue"), (9e9, 3.0, ""))
    assert bins.count(numeric, words).tolist() == [1, 2, 0, 1, 3, 1, 1, 0, 1, 2]


def test_psi_is_zero_without_a_change_and_counts_unseen_words() -> None:
    """The formula, with 0.0001 for an empty bin."""
    bins = Bins(CONTRACT)
    same = bins.psi(np.array([500, 250, 250, 0, 500, 500, 750, 245, 5, 0]))
    assert same == pytest.approx({"river.depth": 0, "river.width": 0, "river.colour": 0}, abs=1e-9)
    moved = bins.psi(np.array([500, 250, 250, 0, 900, 100, 750, 145, 5, 100]))
    assert moved["river.width"] == pytest.approx(0.4 * np.log(0.9 / 0.5) - 0.4 * np.log(0.1 / 0.5))
    assert moved["river.colour"] == pytest.approx(0.0999 * np.log(1000) - 0.1 * np.log(0.145 / 0.245))


def test_a_word_of_a_profile_that_the_model_lacks_is_a_known_word() -> None:
    """A site has words that training never saw; a common one has a bin of its own, a rare one is with the rare ones."""
    shares = (("violet", 0.6), ("green", 0.392), ("white", 0.004), ("pink", 0.004))
    colour = replace(CONTRACT.categorical[0], usual_shares=shares)
    bins = Bins(replace(CONTRACT, features=(colour,)))
    words = np.array([["violet"]] * 600 + [["green"]] * 392 + [["white"]] * 4 + [["pink"]] * 4, np.object_)
    counts = bins.count(np.empty((1000, 0), np.float32), words)
    assert counts.tolist() == [600, 392, 8, 0]
    assert bins.psi(counts) == pytest.approx({"river.colour": 0}, abs=1e-9)


def test_too_few_documents_give_no_figure() -> None:
    """A figure from a handful of documents would be noise."""
    drift = Drift(CONTRACT, "v1", None, 1)
    page = keys(*AS_TRAINED)
    for _ in range(MIN_DOCUMENTS // 4 - 1):
        drift.add(page)
    assert drift.psi() == (MIN_DOCUMENTS - 4, {})
    drift.add(page)
    documents, psi = drift.psi()
    assert documents == MIN_DOCUMENTS
    assert psi["river.width"] == pytest.approx(0, abs=1e-3)
    assert psi["river.depth"] < 0.1


def test_rows_of_small_pages_are_counted_together() -> None:
    """One row costs nearly as much to count as a hundred; waiting rows are not lost."""
    drift = Drift(CONTRACT, "v1", None, 1)
    for _ in range(7):
        drift.add(keys(AS_TRAINED[0]))
    assert drift.psi()[0] == 7


def test_large_pages_are_sampled_evenly_and_from_different_first_rows() -> None:
    """A sample of 10,000 rows is enough; a page with a pattern must not hide most of its rows from every sample."""
    drift = Drift(CONTRACT, "v1", None, 1)
    page = keys(*[(0.0, 9.0, "green"), (3.0, 11.0, "red")] * 5000)
    for pages in range(1, 6):
        drift.add(page)
        assert drift.psi()[0] == pages * MAX_ROWS
    counts = drift._mine[:, 2:].sum(axis=0)
    assert counts[:4].tolist() == [300, 0, 200, 0]


def test_workers_are_summed_by_version_and_an_old_hour_is_forgotten(tmp_path: Path) -> None:
    """Two workers of one version count together, another version does not; a count expires after a day."""
    page = keys(*AS_TRAINED * 25)
    parts = [Drift(CONTRACT, version, tmp_path, worker) for version, worker in (("v1", 1), ("v1", 2), ("v2", 3))]
    for part in parts:
        part.add(page)
    assert [part.psi()[0] for part in parts] == [200, 200, 100]
    again = Drift(CONTRACT, "v1", tmp_path, 1)  # the version is switched back, and its counts are still there
    assert again.psi()[0] == 200
    hours = np.memmap(tmp_path / "drift_v1_1.i64", np.int64, "r+", shape=(HOURS, 2 + SIZE))
    hours[hours[:, 0] > 0, 0] -= HOURS
    assert parts[1].psi()[0] == 100


def test_a_missing_value_is_in_no_bin() -> None:
    """NaN sorts after every edge, and would count as the largest value."""
    drift = Drift(CONTRACT, "v1", None, 1)
    for _ in range(MIN_DOCUMENTS // MAX_ROWS):
        drift.add(keys(*AS_TRAINED * (MAX_ROWS // 4)))
    before = drift.psi()
    drift.add(keys((np.nan, 9.0, "green"), (np.nan, 11.0, "red")))
    documents, after = drift.psi()
    assert documents == before[0] + 2
    assert after["river.depth"] == before[1]["river.depth"]
    assert after["river.colour"] != before[1]["river.colour"]


def test_a_value_that_is_missing_in_most_rows_has_no_figure() -> None:
    """As with too few documents: a handful of values does not represent the others."""
    drift = Drift(CONTRACT, "v1", None, 1)
    for _ in range(MIN_DOCUMENTS // MAX_ROWS):
        drift.add(keys(*[(np.nan, 9.0, "green")] * MAX_ROWS))
    documents, psi = drift.psi()
    assert documents == MIN_DOCUMENTS
    assert set(psi) == {"river.width", "river.colour"}


def test_a_contract_without_a_profile_has_no_drift(tmp_path: Path) -> None:
    """An artifact from before profiles existed is still served."""
    bare = ModelContract("bare", (Feature("a", "a", "float"),), CONTRACT.labels, CONTRACT.families)
    drift = Drift(bare, "v1", tmp_path, 1)
    drift.add(row_keys(np.zeros((5, 1), np.float32), np.empty((5, 0), np.object_)))
    assert drift.psi() == (0, {})
    assert not list(tmp_path.iterdir())
    assert HOUR_S * HOURS == 86_400
