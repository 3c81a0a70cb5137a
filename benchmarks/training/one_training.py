"""One training of a study, with its measurements as plain JSON values.

    parts ─▶ training.fit ─▶ converter ─▶ draft artifact ─▶ ONNX Runtime ─▶ held-out counts, test counts
    rows ──▶ benchmarks.training.baseline ───────────────▶ Keras ───────────────────────▶ the same for the naive model

`seconds` is processor time, so other work on the machine does not change it.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.training.measure import measure_held_out, measure_test
from benchmarks.training.provenance import code_digest
from contract.artifact.contract import ModelContract
from contract.errors import InputError
from contract.kdd99.columns import FAMILIES, LABELS
from oversight.keras_parts import tensorflow_in_quiet
from training.data.feature_sets import of_model
from training.data.records import Records, Source
from training.data.split import Parts
from training.evaluation.evaluate import open_artifact, predict

Progress = Callable[[str, int, int, str], None]
WITHOUT_NOVELTY = ModelContract(name="anchor", features=(), labels=LABELS, families=FAMILIES)
"""The naive model's contract, as far as the counts need it."""


@dataclass(frozen=True)
class Material:
    """The data of a study."""

    model: str
    """Name of the model that is trained on these columns."""
    records: Records
    source: Source
    test: Records
    test_source: Source
    twins: NDArray[np.bool_]
    """Which test records equal a normal row of the test file or of the training data."""


class Trainer:
    """Trains with the shipped recipe, or with a changed one as an experiment."""

    def __init__(self, material: Material, changes: Mapping[str, int]) -> None:
        with tensorflow_in_quiet():
            from benchmarks.training import session
            from benchmarks.training.baseline import AnchorRecipe
            from training.fit.train import Recipe
        self._material = material
        names = {field.name for kind in (Recipe, AnchorRecipe) for field in dataclasses.fields(kind)}
        unknown = sorted(set(changes) - names)
        if unknown:
            raise InputError(f"--recipe: unknown {', '.join(unknown)}; expected one of {', '.join(sorted(names))}")
        shipped = Recipe(false_positive_rate=of_model(material.model).false_positive_rate)
        self.recipe = _changed(shipped, changes)
        self.anchor_recipe = _changed(AnchorRecipe(), changes)
        self._code = {
            False: code_digest("training.fit.train", "training.report.describe", "benchmarks.training.measure"),
            True: code_digest("benchmarks.training.baseline", "benchmarks.training.measure"),
        }
        self._start_afresh = session.start_afresh
        self._libraries = session.versions()

    def made_by(self, *, anchor: bool) -> dict[str, Any]:
        """Return what decides the result besides the seed: data, recipe, libraries and code."""
        return {
            "data": self._material.source.sha256,
            "test": self._material.test_source.sha256,
            "columns": len(self._material.records.columns),
            "recipe": dataclasses.asdict(self.anchor_recipe if anchor else self.recipe),
            "code": self._code[anchor],
            "libraries": self._libraries,
        }

    def train(self, parts: Parts, seed: int, progress: Progress) -> dict[str, Any]:
        """Train and convert, then measure the graph on the held-out part and on the test file."""
        with tensorflow_in_quiet():
            from converter.convert import convert
            from converter.rows import Rows
            from training.fit.train import train
            from training.report.describe import contract_of
        self._start_afresh()
        began = time.process_time()
        trained = train(parts, seed, self.recipe, progress)
        contract = contract_of(
            parts,
            self._material.source,
            trained.encoding,
            seed=seed,
            recipe=self.recipe,
            novelty_threshold=trained.novelty_threshold,
            name=self._material.model,
        )
        rows = Rows(parts.held_out.numeric, parts.held_out.categorical.astype(object))
        with tempfile.TemporaryDirectory(prefix="oversight-study-") as folder:
            draft = convert(trained.model, contract, Path(folder) / "model.onnx", rows)
            seconds = time.process_time() - began
            session, contract = open_artifact(draft.path)
        held_out, test = (predict(session, contract, part) for part in (parts.held_out, self._material.test))
        return {
            "seconds": round(seconds, 1),
            "held_out": measure_held_out(parts.held_out, held_out, contract),
            "test": measure_test(self._material.test, test, contract, self._material.twins),
        }

    def anchor(self, seed: int, progress: Progress) -> dict[str, Any]:
        """Train and measure the naive model. `not_leaked` are its distinct held-out rows that training did not see."""
        with tensorflow_in_quiet():
            from benchmarks.training.baseline import train_anchor
        self._start_afresh()
        began = time.process_time()
        anchor = train_anchor(self._material.records, seed, self.anchor_recipe, progress)
        seconds = time.process_time() - began
        parts = {"held_out": anchor.held_out, "not_leaked": anchor.not_leaked}
        measured = {name: measure_held_out(rows, anchor.predict(rows), WITHOUT_NOVELTY) for name, rows in parts.items()}
        test = self._material.test
        on_test = measure_test(test, anchor.predict(test), WITHOUT_NOVELTY, self._material.twins)
        return {"seconds": round(seconds, 1), **measured, "test": on_test}


def _changed(recipe: Any, changes: Mapping[str, int]) -> Any:
    names = {field.name for field in dataclasses.fields(recipe)}
    return dataclasses.replace(recipe, **{name: value for name, value in changes.items() if name in names})
