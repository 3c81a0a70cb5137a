"""A shipped model is found by its name, in every working folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.artifact.file import read_file
from contract.errors import ArtifactError
from contract.shipped_models import model_path, shipped_names, shipped_path


def test_every_shipped_model_is_an_artifact_of_its_name() -> None:
    assert shipped_names() == ("kdd99-flow", "kdd99-mlp")
    for name in shipped_names():
        assert read_file(shipped_path(name)).contract.name == name


def test_each_shipped_model_has_a_dataset_of_its_own() -> None:
    """One stream has one model, so both can be used in one installation."""
    datasets = {name: read_file(shipped_path(name)).contract.dataset for name in shipped_names()}
    assert datasets == {"kdd99-flow": "flow", "kdd99-mlp": "connection"}


def test_a_name_means_the_shipped_model_whatever_is_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the same setting would mean another model in another folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kdd99-flow").mkdir()
    assert model_path("kdd99-flow") == shipped_path("kdd99-flow")


@pytest.mark.parametrize(
    "text", ["./kdd99-flow", "kdd99-flow/", "kdd99-flow.onnx", "models/live", "live", "../kdd99-mlp"]
)
def test_every_other_text_is_a_path(text: str) -> None:
    assert model_path(text) == Path(text)


def test_an_unknown_name_lists_the_shipped_models_and_says_that_a_path_works_too() -> None:
    with pytest.raises(ArtifactError, match=r"no model at kdd99-flwo; .* to a path or .*\(kdd99-flow, kdd99-mlp\)$"):
        read_file(model_path("kdd99-flwo"))
