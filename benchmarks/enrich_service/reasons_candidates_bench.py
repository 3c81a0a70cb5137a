"""Compare ways to choose the features that reasons try first: how often each finds the heaviest feature, at what cost.

python -m benchmarks.enrich_service.reasons_candidates_bench --train FILE --test FILE [--model FOLDER]

Each FILE is a labelled KDD Cup 99 file: `--train` is the one that gave the usual reasons, `--test` was recorded at
another time. FOLDER contains model.onnx and model.keras. The benchmark occludes every feature in up to 500 rows of each
label, which gives the heaviest feature. Then each way chooses six features, and the table shows in how many rows the
heaviest one is among them. A label without usual reasons uses all features. The last line but one is what the service
does: if the usual reasons weigh too little, it also tries the other features.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

import training.fit.model  # noqa: F401  (registers the layers of the shipped models)
from benchmarks.enrich_service.reasons_bench import without_usual_reasons
from common.settings.shared import DEFAULT_MODEL
from contract.artifact.contract import PROBABILITIES_OUTPUT
from contract.kdd99.columns import NORMAL
from contract.occlusion import LEAST_FALL
from converter import rows as converter_rows
from converter.export.wired import wire
from converter.inputs.feed import feed
from converter.keras_file import load as load_keras
from converter.usual_reasons import MOST
from enrich_service.model.artifact import Artifact, load
from enrich_service.predict.reasons import Explainer
from training.data.records import read

N_ROWS = 500
"""Rows of each label."""
BATCH = 4096
LEAST_PROBABILITY = 1e-30

Falls = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows of attacks, and the fall of every feature; -inf if the feature has its harmless value."""

    numeric: NDArray[np.float32]
    categorical: NDArray[np.object_]
    closest: NDArray[np.intp]
    falls: Falls


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--train", type=Path, required=True, help="labelled KDD Cup 99 file")
    parser.add_argument("--test", type=Path, required=True, help="labelled KDD Cup 99 file from another time")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL.parent, help="folder of the model")
    arguments = parser.parse_args()
    artifact = load(arguments.model / "model.onnx")
    ways: dict[str, Callable[[Rows], NDArray[np.bool_]]] = {
        "farthest from the harmless value": lambda rows: farthest(artifact, rows),
        "gradient times distance": Gradient(artifact, arguments.model, steps=(1.0,)),
        "integrated gradients, 3 steps": Gradient(artifact, arguments.model, steps=(1 / 6, 1 / 2, 5 / 6)),
        "usual reasons": lambda rows: usual(artifact, rows),
    }
    sys.stdout.write(f"{artifact.contract.name} {artifact.version}\n\n")
    sys.stdout.write("| way | file | rows | heaviest feature found | copies a row |\n|---|---|---|---|---|\n")
    for path in (arguments.train, arguments.test):
        rows = rows_of(artifact, path)
        tried = np.isfinite(rows.falls)
        for name, way in ways.items():
            chosen = tried & way(rows)
            show(name, path, rows, chosen)
        fall = np.array([label.usual_fall or 0.0 for label in artifact.contract.labels])[rows.closest]
        usual_fall = np.where(chosen, rows.falls, -np.inf).max(axis=1)
        show("usual reasons, then the others", path, rows, tried & (chosen | (usual_fall < fall)[:, np.newaxis]))
        show("every feature", path, rows, tried)


def show(name: str, path: Path, rows: Rows, chosen: NDArray[np.bool_]) -> None:
    """Print one line of the table; it leaves out rows without a reason."""
    heaviest = rows.falls.max(axis=1)
    found = np.where(chosen, rows.falls, -np.inf).max(axis=1) >= heaviest
    has_reason = heaviest >= LEAST_FALL
    sys.stdout.write(
        f"| {name} | {path.name} | {has_reason.sum()} | {found[has_reason].mean() * 100:.1f} % | "
        f"{chosen.sum(axis=1).mean():.1f} |\n"
    )


def rows_of(artifact: Artifact, path: Path) -> Rows:
    """Up to `N_ROWS` rows of each attack label, with the fall of every feature."""
    contract = artifact.contract
    columns = tuple(feature.name for feature in (*contract.numeric, *contract.categorical))
    numeric, words = read(path)[0].pick(list(columns))
    answers = [
        artifact.run(numeric[at : at + BATCH], words[at : at + BATCH].astype(object))[PROBABILITIES_OUTPUT]
        for at in range(0, len(numeric), BATCH)
    ]
    closest = np.concatenate(answers).argmax(axis=1)
    rng = np.random.default_rng(0)
    some = np.concatenate(
        [
            rng.permutation(np.flatnonzero(closest == index))[:N_ROWS]
            for index, label in enumerate(contract.labels)
            if label.name != NORMAL
        ]
    )
    numeric, categorical, closest = numeric[some], words[some].astype(object), closest[some]
    places = Explainer(without_usual_reasons(artifact)).falls(numeric, categorical, closest, of_novelty=False)
    falls = np.full((len(some), len(columns)), -np.inf)
    falls[places[0], places[1]] = places[2]
    return Rows(numeric, categorical, closest, falls)


def best(rows: Rows, scores: Falls) -> NDArray[np.bool_]:
    """In each row the `MOST` features with the highest scores, among those without their harmless value."""
    scores = np.where(np.isfinite(rows.falls), scores, -np.inf)
    chosen = np.zeros(scores.shape, np.bool_)
    np.put_along_axis(chosen, np.argsort(-scores, axis=1, kind="stable")[:, :MOST], values=True, axis=1)
    return chosen


def usual(artifact: Artifact, rows: Rows) -> NDArray[np.bool_]:
    """The usual reasons of the row's label, or every feature if the label has none."""
    contract = artifact.contract
    names = [feature.name for feature in (*contract.numeric, *contract.categorical)]
    table = [[not label.usual_reasons or name in label.usual_reasons for name in names] for label in contract.labels]
    return np.array(table)[rows.closest]


def farthest(artifact: Artifact, rows: Rows) -> NDArray[np.bool_]:
    """The features farthest from their harmless value: logarithmic distance as a share of the range; words first."""
    features = artifact.contract.numeric
    harmless, low, high = (
        logarithm(np.array([getattr(feature, key) for feature in features], float))
        for key in ("background", "minimum", "maximum")
    )
    distance = np.abs(logarithm(rows.numeric.astype(float)) - harmless) / np.maximum(high - low, 1e-9)
    return best(rows, np.concatenate([distance, np.full(rows.categorical.shape, np.inf)], axis=1))


def logarithm(values: Falls) -> Falls:
    """Logarithm of the magnitude, with the sign kept."""
    return np.sign(values) * np.log1p(np.abs(values))


class Gradient:
    """Scores features by gradient times distance: the gradient of the label's log-odds at steps between the harmless
    row and the row.
    """

    def __init__(self, artifact: Artifact, folder: Path, steps: tuple[float, ...]) -> None:
        self.contract = artifact.contract
        self._wired = wire(load_keras(folder / "model.keras"), self.contract)
        self._steps = steps

    def __call__(self, rows: Rows) -> NDArray[np.bool_]:
        """The numbers with the highest scores; words have no gradient, so they are always chosen."""
        harmless = np.array([feature.background for feature in self.contract.numeric], np.float32)
        _, words = feed(converter_rows.Rows(rows.numeric, rows.categorical), self._wired.wiring, self.contract)
        distance = rows.numeric - harmless
        gradients = [self._gradient(harmless + step * distance, words, rows.closest) for step in self._steps]
        scores = np.concatenate([np.mean(gradients, axis=0) * distance, np.full(words.shape, np.inf)], axis=1)
        return best(rows, scores)

    def _gradient(self, numeric: NDArray[np.float32], words: NDArray[np.int32], label: NDArray[np.intp]) -> Falls:
        inputs = tf.constant(numeric, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            probabilities = self._wired.function(inputs, tf.constant(words))["probabilities"]
            mine = tf.one_hot(label, probabilities.shape[1])
            of_label, others = (tf.reduce_sum(probabilities * part, 1) + LEAST_PROBABILITY for part in (mine, 1 - mine))
            odds = tf.math.log(of_label) - tf.math.log(others)
        found: Falls = tape.gradient(odds, inputs).numpy()
        return found


if __name__ == "__main__":
    main()
