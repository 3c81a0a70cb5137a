"""Drift since training and the site's profile, from the same sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contract.artifact.contract import Feature
from contract.artifact.site_profile import read_profile
from contract.errors import InputError
from enrich_service.model.artifact import Artifact
from enrich_service.predict.drift import MIN_DOCUMENTS, Bins
from oversight.first_hour.hour import Hour, first_hour
from oversight.first_hour.usual import drift, site_profile, usual_in_words, usual_values
from tests.sensing import people


@pytest.fixture(scope="module")
def hour(flow_model: Artifact) -> Hour:
    """The first hour of people's work."""
    return first_hour(people(2000), flow_model)


def test_drift_is_that_of_the_enrich_service_the_largest_first(hour: Hour, flow_model: Artifact) -> None:
    """Against training; every feature with its usual values there and here."""
    moved = drift(hour, flow_model.contract)
    bins = Bins(flow_model.contract)
    psi = bins.psi(bins.count(hour.sample.numeric, hour.sample.words))
    assert [each.psi for each in moved] == sorted((round(value, 4) for value in psi.values()), reverse=True)
    assert {each.feature for each in moved} == {feature.name for feature in flow_model.contract.features}
    trained = {feature.name: usual_in_words(feature) for feature in flow_model.contract.features}
    assert {each.feature: each.training for each in moved} == trained
    assert any(each.here != each.training for each in moved)


def test_the_profile_of_a_site_fits_its_own_traffic(hour: Hour, flow_model: Artifact, tmp_path: Path) -> None:
    """Written and read, no feature has drifted from it; from training many have."""
    measured = site_profile(hour, flow_model)
    path = tmp_path / "site.json"
    path.write_text(measured.to_json(), encoding="utf-8")
    read = read_profile(path)
    assert (read.rows, read.usual_of) == (hour.sample.seen, "normal connections of this site")
    assert read.model == f"kdd99-flow {flow_model.version}"
    assert max(each.psi for each in drift(hour, read.over(flow_model.contract))) < 0.01
    assert max(each.psi for each in drift(hour, flow_model.contract)) > 0.25


def test_too_few_harmless_connections_give_neither(flow_model: Artifact) -> None:
    """500 are needed, as in the service."""
    few = first_hour(list(people(1000))[: MIN_DOCUMENTS - 1], flow_model)
    assert drift(few, flow_model.contract) == []
    with pytest.raises(InputError, match="a profile needs 500; record for longer"):
        site_profile(few, flow_model)


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (Feature("n", "f", "float", usual_low=4.0, usual_middle=158.0, usual_high=255.0), "158 (4 to 255)"),
        (Feature("n", "f", "float", usual_low=0.0, usual_middle=0.0, usual_high=0.0), "0"),
        (Feature("n", "f", "float", usual_low=0.0, usual_middle=0.333333, usual_high=1.0), "0.333 (0 to 1)"),
        (Feature("n", "f", "float"), "-"),
        (
            Feature("n", "f", "string", usual_shares=(("http", 0.64), ("smtp", 0.2), ("x", 0.155), ("y", 0.005))),
            "http 64 %, smtp 20 %, x 16 %",
        ),
        (Feature("n", "f", "string", usual_shares=(("http", 0.995), ("smtp", 0.005))), "http 99 %"),
    ],
)
def test_usual_values_fit_into_a_column(feature: Feature, words: str) -> None:
    """The median, and where most values are; the commonest words."""
    assert usual_in_words(feature) == words


def test_a_missing_value_is_in_no_quantile(flow_model: Artifact) -> None:
    """NaN stands for a missing value."""
    hour = first_hour(list(people(300))[:20], flow_model)
    hour.sample.numeric[:, 0] = [np.nan, *[7.0] * (hour.sample.seen - 1)]
    first = next(f for f in usual_values(hour, flow_model.contract) if f.kind == "float")
    assert (first.minimum, first.usual_middle, first.maximum) == (7.0, 7.0, 7.0)
