"""The split: no vector is in two parts, each class is in every part if possible, one seed gives one split."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmarks.training.folds import fold
from contract.errors import InputError
from contract.kdd99.columns import FLOW
from tests.unit.training.samples import lines, write
from training.data.records import Records, read, select
from training.data.split import Parts, check_labels, one_label_a_vector, split


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return read(write(tmp_path / "data.csv", lines(1_500) + lines(300)))[0]


def vectors(records: Records) -> set[tuple[object, ...]]:
    return {
        (*numbers, *words)
        for numbers, words in zip(records.numeric.tolist(), records.categorical.tolist(), strict=True)
    }


def parts_of(parts: Parts) -> tuple[Records, Records, Records]:
    return parts.training, parts.validation, parts.held_out


def test_no_vector_is_in_two_parts_and_none_is_lost(records: Records) -> None:
    """Otherwise the held-out figures would include rows that training saw."""
    parts = split(records, 0)
    sets = [vectors(part) for part in parts_of(parts)]
    assert sum(map(len, sets)) == len(set.union(*sets)) == len(vectors(records))
    assert sum(part.n_rows for part in parts_of(parts)) == records.n_rows


def test_classes_keep_their_shares_in_the_held_out_part(records: Records) -> None:
    """20 % of each class, to the nearest vector."""
    parts = split(records, 0)
    for label in ("normal", "neptune", "smurf"):
        total = (records.labels == label).sum()
        assert (parts.held_out.labels == label).sum() == round(total * 0.2)


def test_a_class_of_two_is_on_both_sides_and_a_single_one_is_for_training() -> None:
    """A label that training never sees could only be wrong; one that is never held out is never measured."""
    labels = np.array(["normal"] * 20 + ["spy"] * 2 + ["perl"])
    numeric = np.arange(23, dtype=np.float32)[:, None] * np.ones((1, 38), np.float32)
    records = Records(numeric, np.full((23, 3), "tcp"), labels, np.ones(23, np.int64))
    parts = split(records, 7)
    assert [(part.labels == "spy").sum() for part in parts_of(parts)] == [1, 0, 1]
    assert [(part.labels == "perl").sum() for part in parts_of(parts)] == [1, 0, 0]


def test_over_all_folds_each_vector_is_held_out_once(records: Records) -> None:
    """And is never in two parts of one fold; small classes differ by one vector between folds at most."""
    folds = [fold(records, index, 3, 0) for index in range(3)]
    held_out = [vectors(parts.held_out) for parts in folds]
    assert sum(map(len, held_out)) == len(set.union(*held_out)) == len(vectors(records))
    for parts in folds:
        sets = [vectors(part) for part in parts_of(parts)]
        assert sum(map(len, sets)) == len(set.union(*sets)) == len(vectors(records))
    for label in np.unique(records.labels):
        sizes = [(parts.held_out.labels == label).sum() for parts in folds]
        assert max(sizes) - min(sizes) <= 1


def test_folds_are_the_same_with_the_same_seed(records: Records) -> None:
    """So an interrupted study can continue."""
    first, again, other = (fold(records, 1, 4, seed).held_out.numeric for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_class_with_fewer_vectors_than_folds_is_held_out_once_a_vector_and_one_with_a_single_vector_is_refused() -> (
    None
):
    """If it were held out, the model could not know its label."""
    labels = np.array(["normal"] * 20 + ["spy"] * 2 + ["perl"])
    numeric = np.arange(23, dtype=np.float32)[:, None] * np.ones((1, 38), np.float32)
    records = Records(numeric, np.full((23, 3), "tcp"), labels, np.ones(23, np.int64))
    parts = [fold(records.take(labels != "perl"), index, 5, 7) for index in range(5)]
    assert sum((part.held_out.labels == "spy").sum() for part in parts) == 2
    assert all((part.training.labels == "spy").sum() >= 1 for part in parts)
    with pytest.raises(InputError, match=r"label 'perl' has 1 distinct row, expected at least 2 for folds"):
        fold(records, 0, 5, 7)


def test_the_seed_decides(records: Records) -> None:
    """The same seed gives the same parts, another seed gives others."""
    first, again, other = (split(records, seed).held_out.numeric for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_vector_with_two_labels_keeps_the_one_with_more_rows_and_all_its_rows() -> None:
    """Between equal counts the order in the file decides."""
    numeric = np.array([[1.0], [2.0], [1.0], [3.0], [3.0]], np.float32) * np.ones((1, 38), np.float32)
    labels = np.array(["ipsweep", "normal", "nmap", "satan", "saint"])
    records = Records(numeric, np.full((5, 3), "tcp"), labels, np.array([2, 1, 5, 4, 4]))
    single, n_contradictory = one_label_a_vector(records)
    assert single.labels.tolist() == ["normal", "nmap", "satan"]
    assert single.counts.tolist() == [1, 7, 8]
    assert n_contradictory == 2


def test_vectors_that_fewer_columns_cannot_tell_apart_are_contradictory(records: Records) -> None:
    """Two labels, one vector: the label with more rows stays, and the parts know which columns they hold."""
    numeric = np.zeros_like(records.numeric)
    numeric[:, records.numeric_columns.index("hot")] = np.arange(len(records))
    whole = dataclasses.replace(records, numeric=numeric, categorical=np.full_like(records.categorical, "tcp"))
    assert one_label_a_vector(whole)[1] == 0
    single, n_contradictory = one_label_a_vector(select(whole, FLOW))
    assert n_contradictory == 1
    assert (single.labels.tolist(), single.counts.tolist()) == (["normal"], [records.n_rows])
    assert single.columns == FLOW


def test_a_label_of_the_test_set_is_refused_for_training(records: Records) -> None:
    """Its number would be the number of another label."""
    foreign = Records(records.numeric, records.categorical, np.full(len(records), "mailbomb"), records.counts)
    with pytest.raises(InputError, match=r"1 labels.*mailbomb.*train on kddcup\.data"):
        check_labels(split(foreign, 0))


def test_data_without_normal_vectors_is_refused_for_training(records: Records) -> None:
    """Novelty is measured against normal vectors."""
    with pytest.raises(InputError, match="0 distinct normal rows"):
        check_labels(split(records.take(records.labels != "normal"), 0))
