"""The contract's facts about each feature: ranges of all training records, usual values of the normal ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.artifact.contract import Feature
from contract.kdd99.columns import COLUMNS
from training.data.encoding import measure
from training.data.records import read
from training.report.describe import features


def line(label: str, **values: object) -> str:
    """A record; every column that is not named is 0."""
    usual: dict[str, object] = {"protocol_type": "tcp", "service": "http", "flag": "SF"}
    return ",".join([*(str({**usual, **values}.get(column, 0)) for column in COLUMNS), f"{label}."])


@pytest.fixture
def described(tmp_path: Path) -> dict[str, Feature]:
    rows = [line("normal", count=n) for n in range(1, 100)]  # 99 vectors, one row each
    rows += [line("normal", count=100, service="smtp")] * 101  # one vector, more rows than all others together
    rows += [line("neptune", count=511, flag="S0")] * 50
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(rows), encoding="ascii")
    records, _ = read(path)
    return {feature.name: feature for feature in features(records, measure(records))}


def test_what_is_usual_is_told_by_the_normal_rows_repetitions_included(described: dict[str, Feature]) -> None:
    """Quantiles of 200 rows: the 10th smallest, the 100th, the 190th. An attack's 511 is only in the range."""
    count = described["count"]
    assert (count.usual_low, count.usual_middle, count.usual_high) == (10, 100, 100)
    assert (count.minimum, count.maximum) == (1, 511)


def test_the_share_of_a_word_is_its_share_of_normal_rows(described: dict[str, Feature]) -> None:
    """The commonest first; a word that only attacks have is in the vocabulary and has no share."""
    assert described["service"].usual_shares == (("smtp", 0.505), ("http", 0.495))
    assert described["flag"].usual_shares == (("SF", 1.0),)
    assert described["flag"].vocabulary == ("S0", "SF")


def test_the_harmless_value_is_the_middle_of_distinct_normal_vectors(described: dict[str, Feature]) -> None:
    """One vector that fills half the file does not move it."""
    assert described["count"].background == 50.5
    assert described["service"].background == "http"


def test_a_profile_is_of_the_normal_rows(described: dict[str, Feature]) -> None:
    """The commonest value, 100 in 101 rows of 200, has its own bin; the attacks' 511 is in none of the shares."""
    count = described["count"]
    assert 100 in count.profile_edges
    place = count.profile_edges.index(100)
    assert count.profile_edges[place - 1] == 99
    assert count.profile_shares[place : place + 2] == (0.505, 0.0)
    assert described["service"].profile_edges == ()
