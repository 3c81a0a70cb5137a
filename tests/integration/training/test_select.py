"""What is left out to choose the second opinion by, and how an answer is judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contract.kdd99 import LABELS
from tests.unit.training.samples import lines, write
from training.data import Records, read
from training.select import LABEL_GROUPS, family_right, labels_left_out, services_left_out


def records_of(folder: Path) -> Records:
    """Made rows; a few of the guesses on another service."""
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


def test_a_label_never_loses_all_its_services_at_once(tmp_path: Path) -> None:
    """A label of one service stays whole; of two, one is left."""
    records = records_of(tmp_path)
    service = records.categorical[:, records.categorical_columns.index("service")]
    masks = services_left_out(records)
    assert set(records.labels[np.any(masks, axis=0)].tolist()) == {"guess_passwd"}
    assert [set(service[mask].tolist()) for mask in masks] == [{"telnet"}, {"pop_3"}, set(), set()]


def test_an_answer_is_right_when_its_likeliest_attack_family_is() -> None:
    """Families are sums over labels, and normal is none of them."""
    names = [label.name for label in LABELS]
    shares = np.zeros((2, len(names)))
    shares[0, [names.index(name) for name in ("normal", "neptune", "satan", "nmap")]] = 0.3, 0.3, 0.2, 0.2
    shares[1, [names.index(name) for name in ("normal", "guess_passwd")]] = 0.9, 0.1
    assert family_right(shares, np.array(["portsweep", "warezclient"])).tolist() == [True, True]
    assert family_right(shares, np.array(["smurf", "perl"])).tolist() == [False, False]
