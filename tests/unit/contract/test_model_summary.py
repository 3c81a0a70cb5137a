"""What the cluster stores about a model: names, and which features a document needs."""

from __future__ import annotations

import dataclasses

import pytest

from contract.artifact.contract import ModelContract
from contract.model_summary import ModelSummary
from tests.pipelines import FLOW
from tests.tasks import MIXED


def test_a_feature_is_needed_unless_its_value_may_be_missing() -> None:
    may_miss = {feature.name for feature in MIXED.features if feature.missing != "error"}
    summary = ModelSummary.of(MIXED)
    assert set(summary.may_miss) == may_miss
    assert may_miss
    assert set(summary.needed) == set(summary.features) - may_miss
    assert ModelSummary.of(FLOW).needed == tuple(feature.name for feature in FLOW.features)


@pytest.mark.parametrize("contract", [FLOW, MIXED], ids=["all needed", "some may be missing"])
def test_a_summary_is_read_as_it_was_written(contract: ModelContract) -> None:
    summary = ModelSummary.of(contract)
    assert ModelSummary.from_dict(summary.to_dict()) == summary


def test_a_summary_of_an_earlier_version_needs_every_feature() -> None:
    """It did not note which may be missing."""
    data = ModelSummary.of(MIXED).to_dict()
    del data["may_miss"]
    assert ModelSummary.from_dict(data) == dataclasses.replace(ModelSummary.of(MIXED), may_miss=())


@pytest.mark.parametrize("data", [None, [], {"name": "x"}, {**ModelSummary.of(MIXED).to_dict(), "may_miss": "noise"}])
def test_what_is_no_summary_is_none(data: object) -> None:
    """Anyone may write a template or a mapping."""
    assert ModelSummary.from_dict(data) is None
