"""Ways to choose the features to try first: which of them keep the heaviest feature, and how many copies they need.

python -m benchmarks.enrich_service.reasons_candidates_bench --train FILE --test FILE [--model FOLDER]

FILE is a labelled KDD Cup 99 file: `--train` the one that the usual reasons were found in, `--test` one of another
time. FOLDER holds model.onnx and model.keras. Every feature of up to 500 rows a label is occluded, which gives the
heaviest one. Then each way chooses six features, and the table says in how many rows the heaviest is among them. A
label without usual reasons has all features. The last but one is what the service does: it tries the other features too
where the usual reasons weigh too little.
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
"""Of each label."""
BATCH = 4096
LEAST_PROBABILITY = 1e-30

Falls = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows of attacks, and the fall of every feature, -inf where it has its harmless value."""

    numeric: NDArray[np.float32]
    categorical: NDArray[np.object_]
    closest: NDArray[np.intp]
    falls: Falls


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--train", type=Path, required=True, help="labelled KDD Cup 99 file")
    parser.add_argument("--test", type=Path, required=True, help="labelled KDD Cup 99 file of another time")
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
    """Print a line; a row without any reason is left out."""
    heaviest = rows.falls.max(axis=1)
    found = np.where(chosen, rows.falls, -np.inf).max(axis=1) >= heaviest
    has_reason = heaviest >= LEAST_FALL
    sys.stdout.write(
        f"| {name} | {path.name} | {has_reason.sum()} | {found[has_reason].mean() * 100:.1f} % | "
        f"{chosen.sum(axis=1).mean():.1f} |\n"
    )


def rows_of(artifact: Artifact, path: Path) -> Rows:
    """Up to `N_ROWS` rows of each attack label, and every feature's fall."""
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
    """The `MOST` features of each row with the highest scores, of those that differ from their harmless value."""
    scores = np.where(np.isfinite(rows.falls), scores, -np.inf)
    chosen = np.zeros(scores.shape, np.bool_)
    np.put_along_axis(chosen, np.argsort(-scores, axis=1, kind="stable")[:, :MOST], values=True, axis=1)
    return chosen


def usual(artifact: Artifact, rows: Rows) -> NDArray[np.bool_]:
    """The usual reasons of the row's label; every feature where the label has none."""
    contract = artifact.contract
    names = [feature.name for feature in (*contract.numeric, *contract.categorical)]
    table = [[not label.usual_reasons or name in label.usual_reasons for name in names] for label in contract.labels]
    return np.array(table)[rows.closest]


def farthest(artifact: Artifact, rows: Rows) -> NDArray[np.bool_]:
    """By the distance from the harmless value, logarithmic, as a share of the range; words are chosen first."""
    features = artifact.contract.numeric
    harmless, low, high = (
        logarithm(np.array([getattr(feature, key) for feature in features], float))
        for key in ("background", "minimum", "maximum")
    )
    distance = np.abs(logarithm(rows.numeric.astype(float)) - harmless) / np.maximum(high - low, 1e-9)
    return best(rows, np.concatenate([distance, np.full(rows.categorical.shape, np.inf)], axis=1))


def logarithm(values: Falls) -> Falls:
    """Of the magnitude, with the sign kept."""
    return np.sign(values) * np.log1p(np.abs(values))


class Gradient:
    """Gradient of the label's log-odds at some steps from the harmless row to the row, times the distance."""

    def __init__(self, artifact: Artifact, folder: Path, steps: tuple[float, ...]) -> None:
        self.contract = artifact.contract
        self._wired = wire(load_keras(folder / "model.keras"), self.contract)
        self._steps = steps

    def __call__(self, rows: Rows) -> NDArray[np.bool_]:
        """The numbers with the highest product; words have no gradient, so they are always chosen."""
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
