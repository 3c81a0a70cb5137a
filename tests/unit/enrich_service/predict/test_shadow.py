"""The active model of a request and its shadow: the shadow adds one object and cannot break anything."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from contract.artifact.contract import Feature
from contract.documents.fields import BY_NAME
from enrich_service.model.artifact import Artifact, load
from enrich_service.predict.enrich import Enricher
from enrich_service.predict.serving import ServedModels, Serving
from tests.artifacts import HEALTHY, HOT, STRANGE, TURBINE, WORN, turbine_graph, write_model
from tests.enriching import enriched

SOURCES: list[dict[str, Any]] = [HEALTHY, HOT, WORN, STRANGE, {"turbine": {}}]
MAX_GROWTH_BYTES = 16 * 1024 * 1024


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A version that labels everything healthy or, far from the centre, unknown."""
    graph = turbine_graph()
    bias = next(tensor for tensor in graph.initializer if tensor.name == "bias")
    bias.raw_data = np.array([0.0, 30.0, 0.0], np.float32).tobytes()
    return load(write_model(tmp_path_factory.mktemp("calm") / "model.onnx", graph=graph))


class Comparisons:
    """What a shadow reports of each page."""

    def __init__(self) -> None:
        self.pages: list[Mapping[tuple[str, str], int]] = []

    def __call__(self, pairs: Mapping[tuple[str, str], int]) -> None:
        self.pages.append(pairs)


def of_shadow(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [result["fields"]["oversight"]["shadow"] for result in results if "fields" in result]


def without_shadow(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            **result,
            "fields": {
                **result["fields"],
                "oversight": {name: value for name, value in result["fields"]["oversight"].items() if name != "shadow"},
            },
        }
        if "fields" in result
        else result
        for result in results
    ]


def test_the_shadow_adds_one_object_and_changes_nothing_else(turbine: Artifact, calm: Artifact) -> None:
    """The verdict, the alert and the errors come from the active model only."""
    results = enriched(Serving(turbine, calm), *SOURCES)
    assert without_shadow(results) == enriched(Enricher(turbine), *SOURCES)
    assert [shadow["label"] for shadow in of_shadow(results)] == ["healthy", "unknown", "unknown", "unknown"]
    assert [shadow["agrees"] for shadow in of_shadow(results)] == [True, False, False, True]
    assert all(shadow["model"] == {"id": "turbine", "version": calm.version} for shadow in of_shadow(results))


def test_a_shadow_predicts_as_if_it_were_active(turbine: Artifact, calm: Artifact) -> None:
    """The same numbers as if it were active, but no reasons."""
    alone = [result["fields"]["oversight"]["prediction"] for result in enriched(Enricher(calm), *SOURCES[:4])]
    for shadow, prediction in zip(of_shadow(enriched(Serving(turbine, calm), *SOURCES)), alone, strict=True):
        assert {name: shadow[name] for name in ("label", "closest", "family", "probability", "novelty", "unknown")} == {
            name: prediction[name] for name in ("label", "closest", "family", "probability", "novelty", "unknown")
        }
        assert "reasons" not in shadow


def test_every_field_of_a_shadow_has_a_mapping(turbine: Artifact, calm: Artifact) -> None:
    """A field that the template lacks cannot be searched."""
    for shadow in of_shadow(enriched(Serving(turbine, calm), *SOURCES)):
        flat = {
            **{k: v for k, v in shadow.items() if k != "model"},
            **{f"model.{k}": v for k, v in shadow["model"].items()},
        }
        assert all(f"oversight.shadow.{name}" in BY_NAME for name in flat)


def test_verdicts_are_counted_in_pairs(turbine: Artifact, calm: Artifact) -> None:
    """Active and shadow, one page at a time; documents that the active model cannot read are not compared."""
    compared = Comparisons()
    enriched(Serving(turbine, calm, on_compared=compared), *SOURCES)
    (page,) = compared.pages
    assert page == {
        ("healthy", "healthy"): 1,
        ("overheating", "unknown"): 1,
        ("bearing_wear", "unknown"): 1,
        ("unknown", "unknown"): 1,
    }


def test_a_document_that_only_the_shadow_cannot_read_keeps_its_verdict(turbine: Artifact, tmp_path: Path) -> None:
    """The error's code replaces the shadow's verdict."""
    needs = (replace(TURBINE.features[0], field="turbine.missing"), *TURBINE.features[1:])
    shadow = load(write_model(tmp_path / "model.onnx", replace(TURBINE, features=needs)))
    results = enriched(Serving(turbine, shadow), *SOURCES)
    assert without_shadow(results) == enriched(Enricher(turbine), *SOURCES)
    assert of_shadow(results)[0] == {
        "error": "missing_feature",
        "agrees": False,
        "model": {"id": "turbine", "version": shadow.version},
    }


@pytest.mark.parametrize("failure", [ValueError("a bug"), MemoryError()])
def test_a_failing_shadow_never_fails_a_request(
    turbine: Artifact, calm: Artifact, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Results are returned without it; the log reports it once a minute."""

    class Failing:
        def run(self, *arguments: object) -> object:
            raise failure

    serving = Serving(turbine, replace(calm, session=Failing()))
    with caplog.at_level(logging.ERROR):
        first, second = enriched(serving, *SOURCES), enriched(serving, *SOURCES)
    assert first == second == enriched(Enricher(turbine), *SOURCES)
    said = [record.getMessage() for record in caplog.records]
    assert sum("so results lack its answer" in line for line in said) == 1
    assert any("oversight model shadow --off" in line for line in said)


def test_running_requests_keep_the_model_that_they_began_with(turbine: Artifact, calm: Artifact) -> None:
    """A switch replaces a reference and changes no object in use."""
    models = ServedModels(Serving, Serving(turbine))
    in_hand = models.current
    models.switch(calm)
    assert in_hand.enricher.model.version == turbine.version
    assert enriched(in_hand, *SOURCES) == enriched(Enricher(turbine), *SOURCES)
    assert enriched(models.current, *SOURCES) == enriched(Enricher(calm), *SOURCES)


def test_replaced_models_are_released(tmp_path: Path) -> None:
    """Twenty switches cost no memory."""
    files = [write_model(tmp_path / f"{n}.onnx", replace(TURBINE, heldout={"n": n})) for n in range(2)]
    shadow = load(files[1])
    models = ServedModels(Serving, Serving(load(files[0]), shadow))
    process, sizes, old = psutil.Process(), [], []
    for number in range(20):
        enriched(models.current, *SOURCES)
        old.append(weakref.ref(models.current.artifact.session))
        models.switch(load(files[(number + 1) % 2]), shadow)
        sizes.append(process.memory_info().rss)
    gc.collect()
    assert [one for one in old if one() is not None] == []
    assert sizes[-1] - sizes[4] < MAX_GROWTH_BYTES


def test_a_shadow_may_have_other_labels(turbine: Artifact, tmp_path: Path) -> None:
    """A newer model often has other labels."""
    labels = tuple(replace(label, name=f"{label.name}_2") for label in TURBINE.labels)
    features: tuple[Feature, ...] = TURBINE.features
    shadow = load(write_model(tmp_path / "model.onnx", replace(TURBINE, labels=labels, features=features)))
    assert of_shadow(enriched(Serving(turbine, shadow), *SOURCES))[1]["label"] == "overheating_2"
