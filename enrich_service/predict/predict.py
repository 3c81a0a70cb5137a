"""From rows of features to predictions, for a whole page at once.

numeric, categorical ──▶ one run of the graph ──▶ closest, probability, top, novelty ──▶ verdict
                 └─────▶ contract's vocabulary and ranges ───────────────────────────▶ warnings
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import DEVIATIONS_OUTPUT, NOVELTY_OUTPUT, Feature, ModelContract
from contract.artifact.verdict import VerdictRule, Verdicts
from contract.errors import DocumentError, InvalidFeatureError
from contract.onnx.session import first_line
from enrich_service.model.artifact import RUNTIME_ERRORS, Artifact, Outputs, outputs_of
from enrich_service.predict.features import FeatureRows

log = logging.getLogger(__name__)

TOP = 3
"""Number of likeliest labels in a prediction."""


@dataclass(frozen=True, slots=True)
class Predictions(Verdicts):
    """The predictions of n rows; the first axis of every array is the rows."""

    rows: FeatureRows
    """The features, without the rows for which the model gives no finite output."""
    outputs: Outputs
    """What the graph gives, by name."""
    warnings: list[list[str]]

    @property
    def novelty(self) -> NDArray[np.float32] | None:
        """Shape (n,), 0 to 1; None if the model measures no novelty."""
        return self.outputs.get(NOVELTY_OUTPUT)


class Predictor:
    """Turns the model's outputs into predictions; create it once for a model.

    Args:
        artifact: the model.
        warnings: name unseen words and values out of range.
    """

    def __init__(self, artifact: Artifact, *, warnings: bool = True) -> None:
        self.artifact = artifact
        self._warns = warnings
        contract = artifact.contract
        self._verdicts = VerdictRule(contract)
        self._ranges = _Ranges(contract)
        self._vocabularies = [(f"unseen_category:{f.field}", _known_words(f)) for f in contract.categorical]

    def predict(self, rows: FeatureRows) -> Predictions:
        """Run the graph once over a page.

        A row that the model cannot compute moves to `errors`; its error names the feature furthest out of its range.

        Raises:
            ArtifactError: the model does not even predict a harmless row, so no document is wrong.
        """
        outputs = self._run(rows.numeric, rows.categorical)
        if not all(np.isfinite(values).all() for values in outputs.values()):
            each = [np.isfinite(values).reshape(len(values), -1).all(axis=1) for values in outputs.values()]
            good = np.logical_and.reduce(each)
            rows = self._without(rows, good)
            outputs = {name: values[good] for name, values in outputs.items()}
        return self._read(rows, outputs)

    def _run(self, numeric: NDArray[np.float32], categorical: NDArray[np.object_]) -> Outputs:
        """Run the page. If it fails as a whole, bisect it: the outputs of the failing row become NaN."""
        try:
            return self.artifact.run(numeric, categorical)
        except RUNTIME_ERRORS as error:
            self.artifact.probe()
            log.warning("the model failed on %d rows; trying them in parts: %s", len(numeric), first_line(error))
        if len(numeric) > 1:
            cut = len(numeric) // 2
            left, right = self._run(numeric[:cut], categorical[:cut]), self._run(numeric[cut:], categorical[cut:])
            return {name: np.concatenate([values, right[name]]) for name, values in left.items()}
        shapes = outputs_of(self.artifact.contract) | {DEVIATIONS_OUTPUT: (None, numeric.shape[1])}
        return {
            name: np.full((1, *(size or 1 for size in shapes[name][1:])), np.nan, np.float32)
            for name in self.artifact.outputs
        }

    def _without(self, rows: FeatureRows, good: NDArray[np.bool_]) -> FeatureRows:
        bad = np.flatnonzero(~good).tolist()
        errors = {int(rows.index[row]): self._ranges.error_of(rows.numeric[row]) for row in bad}
        return FeatureRows(rows.index[good], rows.numeric[good], rows.categorical[good], {**rows.errors, **errors})

    def _read(self, rows: FeatureRows, outputs: Outputs) -> Predictions:
        verdicts = self._verdicts.of(outputs)
        return Predictions(
            closest=verdicts.closest,
            attack=verdicts.attack,
            novel=verdicts.novel,
            attack_probability=verdicts.attack_probability,
            attack_family=verdicts.attack_family,
            family=verdicts.family,
            held=verdicts.held,
            rows=rows,
            outputs=outputs,
            warnings=self._warnings(rows.numeric, rows.categorical) if self._warns else [],
        )

    def _warnings(self, numeric: NDArray[np.float32], categorical: NDArray[np.object_]) -> list[list[str]]:
        warnings: list[list[str]] = [[] for _ in range(len(numeric))]
        for column, (warning, vocabulary) in enumerate(self._vocabularies):
            words = categorical[:, column].tolist()
            if unseen := {*words} - vocabulary:
                for row, word in enumerate(words):
                    if word in unseen:
                        warnings[row].append(warning)
        outside = self._ranges.outside(numeric)
        if outside.any():
            for row, column in np.argwhere(outside).tolist():
                warnings[row].append(self._ranges.warnings[column])
        return warnings


def _known_words(feature: Feature) -> frozenset[str]:
    """The words that need no warning; what stands for a missing word is one of them."""
    return frozenset(feature.vocabulary) | ({str(feature.missing_value)} if feature.missing == "value" else set())


def likeliest(probabilities: NDArray[np.float32]) -> NDArray[np.intp]:
    """The `TOP` likeliest labels of each row, the likeliest first; equals in the contract's order.

    Args:
        probabilities: shape (n, n_labels), finite.
    Returns:
        shape (n, min(TOP, n_labels)).
    """
    left, every = probabilities.copy(), np.arange(len(probabilities))
    found = []
    for _ in range(min(TOP, probabilities.shape[1])):  # a page takes half the time of a sort
        found.append(left.argmax(axis=1))
        left[every, found[-1]] = -np.inf
    return np.stack(found, axis=1)


class _Ranges:
    """The ranges of training, as float32: 0.1 in a document is the same float32 as 0.1 in the contract."""

    def __init__(self, contract: ModelContract) -> None:
        self.features = contract.numeric
        self.warnings = [f"out_of_range:{feature.field}" for feature in self.features]
        self._low = np.array([-np.inf if f.minimum is None else f.minimum for f in self.features], np.float32)
        self._high = np.array([np.inf if f.maximum is None else f.maximum for f in self.features], np.float32)

    def outside(self, numeric: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Shape (n, n_numeric): no value of training was that small or large."""
        return (numeric < self._low) | (numeric > self._high)

    def error_of(self, row: NDArray[np.float32]) -> DocumentError:
        """The error of a row that overflows the model; it names the feature that is furthest out of its range."""
        if not self.features:
            return DocumentError(
                "the model gives no finite answer for these values; it must be trained again", field=""
            )
        largest = np.maximum(np.abs(self._low), np.abs(self._high)).astype(np.float64)
        width = np.where(np.isfinite(largest), np.maximum(largest, 1.0), 1.0)  # largest magnitude in training
        worst = int(np.argmax(np.nan_to_num(np.abs(row.astype(np.float64)) / width)))  # NaN is a missing value
        feature = self.features[worst]
        seen = "" if feature.maximum is None else f" (training saw {feature.minimum:g} to {feature.maximum:g})"
        return InvalidFeatureError(
            feature.field, float(row[worst]), expected=f"a number that the model can compute with{seen}"
        )
