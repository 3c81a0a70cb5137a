"""Which records a selection leaves out of training, and that an interrupted selection continues."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from benchmarks.training import left_out_scores, select
from benchmarks.training.left_out import LABEL_GROUPS, groups, labels_left_out, services_left_out, times_left_out
from contract.kdd99.columns import LABELS
from tests.integration.training.stepwise import uncompiled
from tests.unit.training.samples import lines, write
from training.data.records import Records, read
from training.fit.train import Recipe

SHORT = Recipe(epochs=1, attack_epochs=1)


def records_of(folder: Path) -> Records:
    """Generated rows; a few of the password guesses use another service."""
    rows = lines(1_500)
    guesses = [row for row in rows if row.endswith("guess_passwd.")]
    moved = [row.replace("telnet", "pop_3") for row in guesses[:5]]
    return read(write(folder / "data.csv", [*rows, *moved]))[0]


def test_each_attack_is_left_out_once_and_a_normal_row_never(tmp_path: Path) -> None:
    """Whole labels: nothing of them may be seen in training."""
    records = records_of(tmp_path)
    masks = labels_left_out(records)
    assert len(masks) == LABEL_GROUPS
    assert np.array_equal(np.sum(masks, axis=0), (records.labels != "normal").astype(int))
    for mask in masks:
        assert not np.isin(records.labels[~mask], records.labels[mask]).any()


def test_each_normal_row_is_left_out_once_in_a_run_of_the_file(tmp_path: Path) -> None:
    """Traffic drifts with time; a random fifth would not show that."""
    records = records_of(tmp_path)
    normal = records.labels == "normal"
    masks = times_left_out(records)
    assert np.array_equal(np.sum(masks, axis=0), normal.astype(int))
    places = [np.flatnonzero(mask) for mask in masks]
    assert all(one.max() < next_one.min() for one, next_one in itertools.pairwise(places))
    assert max(map(len, places)) - min(map(len, places)) <= 1


def test_a_label_never_loses_all_its_services_at_once(tmp_path: Path) -> None:
    """A label of one service stays whole; of two, one is left."""
    records = records_of(tmp_path)
    service = records.categorical[:, records.categorical_columns.index("service")]
    masks = services_left_out(records)
    assert set(records.labels[np.any(masks, axis=0)].tolist()) == {"guess_passwd"}
    assert [set(service[mask].tolist()) for mask in masks] == [{"telnet"}, {"pop_3"}, set(), set()]


def test_a_training_without_a_group_scores_every_record_that_was_left_out(tmp_path: Path) -> None:
    """A novelty by each detector, and shares of the attacks by each opinion."""
    records = records_of(tmp_path)
    mask = groups(records)["labels-1"]
    with uncompiled():
        found = left_out_scores.scores(records, mask, 0, SHORT, (1, 2), lambda *_: None)
    assert np.array_equal(found["left_labels"], records.labels[mask])
    for name in ("left_error", "left_logit_1", "left_logit_2", "left_attack", "left_twins"):
        assert found[name].shape == (mask.sum(),)
    opinions = {name for name in found if name.startswith("left_opinion_")}
    assert opinions == {f"left_opinion_{name}" for name in ("classifier", "teacher_0.25", "teacher_0.5", "student")}
    normal = [label.name for label in LABELS].index("normal")
    for name in opinions:
        assert np.allclose(found[name].sum(axis=1), 1, atol=0.01)
        assert not found[name][:, normal].any()


def test_a_selection_goes_on_where_it_was(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Finished scores are read from their files; those of other data are computed again."""
    records, source = read(write(tmp_path / "data.csv", lines(1_500)))
    for _ in range(2):
        selection = select.Selection(records, source, tmp_path / "scores", epochs=(1,), recipe=SHORT)
        with uncompiled():
            assert len(selection.trainings("labels-3", range(1))) == 1
    assert capfd.readouterr().err.count("training") == 1
    other = select.Selection(
        records, type(source)(source.name, "0" * 64), tmp_path / "scores", epochs=(1,), recipe=SHORT
    )
    with uncompiled():
        assert len(other.trainings("labels-3", range(1))) == 1
    assert capfd.readouterr().err.count("training") == 1
