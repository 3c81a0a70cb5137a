"""The console follows the model, and keeps its dashboards if it cannot show the new model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from console.panels import models
from contract.artifact.contract import ModelContract
from contract.errors import ArtifactError
from tests.kibana_contracts import shipped_contract


@pytest.mark.parametrize("fault", [ArtifactError("no model"), OverflowError("too large"), KeyError("label")])
def test_a_model_that_cannot_be_shown_leaves_the_dashboards_unchanged(
    fault: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The page still works; the log has the reason, and the next model is shown again."""
    monkeypatch.setattr(models, "LOOK_EVERY_S", -1.0)
    first = shipped_contract()
    answers: list[Callable[[], ModelContract]] = [
        lambda: first,
        _raising(fault),
        lambda: dataclasses.replace(first, name="next"),
    ]
    shown = models.DashboardCache(lambda: answers.pop(0)())
    assert shown.now.contract == first
    assert "the dashboards keep showing the previous model" in caplog.text
    assert shown.now.contract.name == "next"


def _raising(fault: Exception) -> Callable[[], ModelContract]:
    def read() -> ModelContract:
        raise fault

    return read
