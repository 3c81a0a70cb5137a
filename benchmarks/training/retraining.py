"""Trains the shipped recipe many times, measures each training, and sums up.

data, test file ─▶ plan: seed 0, fold 0, anchor, seed 1, fold 1 ... ─▶ train ─▶ trainings/NAME.json ─▶ study.json
                                                     ▲                                │
                                                     └── skipped if done with the same data, recipe and code
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.training import card, study
from benchmarks.training.folds import fold
from benchmarks.training.one_training import WITHOUT_NOVELTY, Material, Trainer
from common import atomic_file
from contract.errors import InputError
from oversight.commands.train_progress import TrainProgress
from oversight.keras_parts import tensorflow_in_quiet
from training.data.feature_sets import FeatureSet
from training.data.records import read
from training.data.split import check_labels, one_label_a_vector, split
from training.evaluation.detail import twins_of_normal
from training.evaluation.evaluate import open_artifact
from training.evaluation.tally import families

FOLD_SEED = 0
"""Seed of the folds, and of the weights trained on them."""
GUESS_S = 120.0
"""Expected seconds of a training before one has been timed."""


@dataclass(frozen=True)
class Plan:
    """What to train."""

    seeds: int
    folds: int
    anchor: bool
    features: FeatureSet

    def names(self) -> list[str]:
        """Return the names of the trainings, in an order that makes the first few the most informative."""
        seeds = [f"seed-{number}" for number in range(self.seeds)]
        folds = [f"fold-{number}" for number in range(self.folds)]
        groups = itertools.zip_longest(seeds, folds, ["anchor"] if self.anchor else [])
        return [name for group in groups for name in group if name is not None]


def read_material(data: Path, test: Path, plan: Plan) -> Material:
    """Read and check both files before the first training.

    Raises:
        InputError: names file, line and value, or the label that does not fit.
    """
    records, source = read(data, plan.features.columns)
    tested, test_source = read(test, plan.features.columns)
    check_labels(split(records, 0))
    fold(records, 0, plan.folds, FOLD_SEED)
    families(tested.labels, WITHOUT_NOVELTY)
    return Material(plan.features.model, records, source, tested, test_source, twins_of_normal(tested, records))


class Retraining:
    """Runs a plan. Finished trainings are stored in the output folder."""

    def __init__(self, material: Material, plan: Plan, output: Path, changes: Mapping[str, int]) -> None:
        self._material, self._plan, self._output = material, plan, output
        self._trainer = Trainer(material, changes)
        self._timed: list[float] = []

    def run(self, progress: TrainProgress) -> dict[str, Any]:
        """Run the trainings that are not done, and write study.json after each.

        Returns:
            the content of study.json.
        Raises:
            InputError: the output folder cannot be written to.
        """
        names = self._plan.names()
        results = self.finished()
        if results:
            progress.say(f"{len(results)} of {len(names)} trainings are already done: {', '.join(results)}")
        content: dict[str, Any] = {}
        for name in names:
            if name not in results:
                progress.say(self._announce(name, len(names), len(results)))
                results[name] = self._train(name)
                stored = {**results[name], "made_by": self._made_by(name)}
                self._write(self._file(name), json.dumps(stored, allow_nan=False))
            content = self._summary({done: results[done] for done in names if done in results})
            self._write(self._output / card.STUDY, study.text(content))
        self._draw()
        return content

    def _draw(self) -> None:
        """Draw the pictures of study.json, and write the model card if the folder has the artifact of this recipe."""
        with tensorflow_in_quiet():
            from benchmarks.training.figures import draw
        text = (self._output / card.STUDY).read_text(encoding="utf-8")
        for name, picture in draw(json.loads(text), card.digest(text)).items():
            self._write(self._output / card.PICTURES / name, picture.decode())
        model = self._output / "model.onnx"
        if model.is_file():
            self._write(self._output / "MODEL_CARD.md", card.page(self._output, open_artifact(model)[1]))

    def finished(self) -> dict[str, Any]:
        """Return the results of earlier runs with the same data, recipe and code, by name."""
        results = {name: self._finished(name) for name in self._plan.names()}
        return {name: result for name, result in results.items() if result is not None}

    def _train(self, name: str) -> dict[str, Any]:
        kind, _, number = name.partition("-")
        records = self._material.records
        with TrainProgress() as progress:
            if kind == "anchor":
                result = self._trainer.anchor(0, progress.epoch)
            elif kind == "seed":
                result = self._trainer.train(split(records, int(number)), int(number), progress.epoch)
            else:
                parts = fold(records, int(number), self._plan.folds, FOLD_SEED)
                result = self._trainer.train(parts, FOLD_SEED, progress.epoch)
        self._timed.append(result["seconds"])
        return result

    def _announce(self, name: str, total: int, done: int) -> str:
        each = sum(self._timed) / len(self._timed) if self._timed else GUESS_S
        left = each * (total - done) / 60
        return f"training {done + 1} of {total}: {name.replace('-', ' ')}; about {left:.0f} min left in total"

    def _file(self, name: str) -> Path:
        suffix = f"-of-{self._plan.folds}" if name.startswith("fold-") else ""
        return self._output / "trainings" / f"{name}{suffix}.json"

    def _made_by(self, name: str) -> dict[str, Any]:
        return self._trainer.made_by(anchor=name == "anchor")

    def _finished(self, name: str) -> dict[str, Any] | None:
        """Return an earlier result; None if it is missing or damaged, or if data, recipe or code have changed."""
        try:
            result: dict[str, Any] = json.loads(self._file(name).read_text(encoding="utf-8"))
            return result if result.pop("made_by") == json.loads(json.dumps(self._made_by(name))) else None
        except (OSError, ValueError, KeyError, AttributeError):
            return None

    def _summary(self, results: Mapping[str, Any]) -> dict[str, Any]:
        single, _ = one_label_a_vector(self._material.records)
        labels, counts = np.unique(single.labels, return_counts=True)
        about = {
            "model": self._material.model,
            "data_file": self._material.source.name,
            "test_file": self._material.test_source.name,
            "planned": self._plan.names(),
            "made_by": self._trainer.made_by(anchor=False),
            "anchor_made_by": self._trainer.made_by(anchor=True),
            "vectors_of": dict(zip(labels.tolist(), counts.tolist(), strict=True)),
        }
        return study.summary(results, WITHOUT_NOVELTY, about)

    def _write(self, path: Path, text: str) -> None:
        """Write a file completely or not at all, so that an interruption leaves the earlier file."""
        try:
            atomic_file.write(path, text.encode())
        except OSError as error:
            raise InputError(
                f"cannot write {path} ({error.strerror or error}); name a folder where you have write permission with "
                f"--output"
            ) from None
