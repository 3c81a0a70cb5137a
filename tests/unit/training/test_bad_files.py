"""Files that cannot be evaluated: each ends in one line that names file, line, label or value, before any training."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.training.retraining import Plan, read_material
from contract.errors import InputError
from tests.unit.training.samples import lines, write
from training.data.feature_sets import SETS

PLAN = Plan(1, 2, anchor=False, features=SETS["all"])
ROW = lines(1)[0].rsplit(",", 1)[0]


def folder(path: Path) -> Path:
    return path


def missing(path: Path) -> Path:
    return path / "none.gz"


def empty(path: Path) -> Path:
    return write(path / "empty.csv", [])


def no_bytes(path: Path) -> Path:
    (path / "empty.gz").write_bytes(b"")
    return path / "empty.gz"


def empty_gzip(path: Path) -> Path:
    (path / "empty.gz").write_bytes(gzip.compress(b""))
    return path / "empty.gz"


def cut_gzip(path: Path) -> Path:
    (path / "cut.gz").write_bytes(gzip.compress("\n".join(lines(50)).encode())[:-200])
    return path / "cut.gz"


def short_line(path: Path) -> Path:
    return write(path / "bad.csv", [*lines(3), "1,2,3", *lines(3)])


def word_for_number(path: Path) -> Path:
    return write(path / "bad.csv", [lines(1)[0], "soon" + lines(1)[0][1:]])


def unknown_label(path: Path) -> Path:
    return write(path / "bad.csv", [*lines(200), f"{ROW},DDoS."])


def one_vector_of_a_label(path: Path) -> Path:
    return write(path / "bad.csv", [*lines(200), f"{ROW.replace('http', 'ftp')},spy."])


def no_normal_rows(path: Path) -> Path:
    return write(path / "bad.csv", [line for line in lines(200) if "normal" not in line])


BOTH: list[tuple[Callable[[Path], Path], str]] = [
    (folder, r"cannot read .* \(Is a directory\)"),
    (missing, r"cannot read .*none\.gz \(No such file or directory\)"),
    (empty, r"empty\.csv has no rows"),
    (no_bytes, r"empty\.gz has no rows"),
    (empty_gzip, r"empty\.gz has no rows"),
    (cut_gzip, r"cut\.gz is a damaged gzip file"),
    (short_line, r"bad\.csv, line 4: 3 columns, expected 42"),
    (word_for_number, r"bad\.csv, line 2, column 'duration': .*soon.*, expected a finite number"),
]


@pytest.mark.parametrize(("make", "message"), BOTH)
def test_a_bad_file_is_named_with_line_and_value(make: Callable[[Path], Path], message: str, tmp_path: Path) -> None:
    """Whether it is the training file or the test file; one line."""
    good = write(tmp_path / "good.csv", lines(200))
    bad = make(tmp_path)
    for data, test in ((bad, good), (good, bad)):
        with pytest.raises(InputError, match=message) as raised:
            read_material(data, test, PLAN)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (unknown_label, r"1 labels that are not in the training set of KDD Cup 99 \(DDoS\)"),
        (one_vector_of_a_label, r"label 'spy' has 1 distinct row, expected at least 2 for folds"),
        (no_normal_rows, "0 distinct normal rows"),
    ],
)
def test_training_data_with_labels_that_cannot_be_learnt_is_refused(
    make: Callable[[Path], Path], message: str, tmp_path: Path
) -> None:
    """Before the first training, not after the first hour."""
    with pytest.raises(InputError, match=message):
        read_material(make(tmp_path), write(tmp_path / "good.csv", lines(20)), PLAN)


def test_a_label_of_another_data_set_in_the_test_file_is_refused(tmp_path: Path) -> None:
    """A label that only the contest's test set has is no foreign label."""
    train = write(tmp_path / "train.csv", lines(200))
    with pytest.raises(InputError, match="that KDD Cup 99 does not have: DDoS"):
        read_material(train, unknown_label(tmp_path), PLAN)
    assert len(read_material(train, write(tmp_path / "good.csv", [f"{ROW},mailbomb."]), PLAN).test) == 1
