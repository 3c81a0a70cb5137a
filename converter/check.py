"""Check that ONNX gives the same predictions as Keras: run the same rows through both and compare.

rows ─┬─▶ inputs (in NumPy) ─▶ Keras ───────────┐
      └─▶ words ─▶ ONNX Runtime, one graph ─────┴─▶ labels equal, probabilities within 1e-5, novelty within 1e-4,
                                                    values and scores within 1e-5 of their spread
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from contract.artifact.contract import (
    NOVELTY_OUTPUT,
    PROBABILITIES_OUTPUT,
    ModelContract,
)
from contract.errors import ConversionError
from converter.export.wired import Wired
from converter.onnx_run import (
    NOVELTY_TOLERANCE,
    NUMBER_TOLERANCE,
    PROBABILITY_TOLERANCE,
    SHARES,
    Outputs,
    check_independence,
    check_meaning,
    in_batches,
    open_session,
    run_onnx,
)
from converter.rows import Rows


@dataclass(frozen=True)
class Agreement:
    """The differences between Keras and ONNX on the rows that were run; None for what the task does not have."""

    rows: int
    labels_that_differ: int | None = None
    largest_probability_difference: float | None = None
    largest_novelty_difference: float | None = None
    largest_number_difference: float | None = None
    """Of values, scores and deviations, as a share of the largest in these rows."""

    @property
    def within_tolerance(self) -> bool:
        """Whether rounding alone explains the differences."""
        return (
            not self.labels_that_differ
            and (self.largest_probability_difference or 0.0) <= PROBABILITY_TOLERANCE
            and (self.largest_novelty_difference or 0.0) <= NOVELTY_TOLERANCE
            and (self.largest_number_difference or 0.0) <= NUMBER_TOLERANCE
        )


def agreement(wired: Wired, model: onnx.ModelProto, contract: ModelContract, rows: Rows) -> Agreement:
    """Run the rows through Keras and through ONNX Runtime, and compare.

    Raises:
        ConversionError: an output is not what the contract says, or the two differ by more than rounding.
    """
    keras_outputs = run_keras(wired, contract, rows)
    check_meaning(keras_outputs, contract)
    session = open_session(model)
    onnx_outputs = run_onnx(session, rows)
    check_meaning(onnx_outputs, contract)
    check_independence(onnx_outputs, run_onnx(session, rows.first()))
    result = _compare(keras_outputs, onnx_outputs, len(rows))
    if not result.within_tolerance:
        raise ConversionError(
            f"ONNX and Keras disagree on {result.rows} rows: {'; '.join(_differences(result))}; nothing was written"
        )
    return result


def _differences(result: Agreement) -> list[str]:
    words = [] if result.labels_that_differ is None else [f"{result.labels_that_differ} labels differ"]
    for what, difference, allowed in (
        ("probabilities", result.largest_probability_difference, PROBABILITY_TOLERANCE),
        ("novelty", result.largest_novelty_difference, NOVELTY_TOLERANCE),
        ("values", result.largest_number_difference, NUMBER_TOLERANCE),
    ):
        if difference is not None:
            words.append(f"{what} differ by up to {difference:.2g} (allowed {allowed})")
    return words


def run_keras(wired: Wired, contract: ModelContract, rows: Rows) -> Outputs:
    """The outputs of the Keras model. NumPy prepares its inputs here, independently of the graph."""
    return in_batches(rows, lambda part: wired.run(part, contract))


def _compare(keras_outputs: Outputs, onnx_outputs: Outputs, n_rows: int) -> Agreement:
    largest = {name: float(np.abs(values - onnx_outputs[name]).max()) for name, values in keras_outputs.items()}
    shares = {name: largest.pop(name, None) for name in SHARES}
    numbers = [
        difference / max(float(np.abs(keras_outputs[name]).max()), 1e-30) for name, difference in largest.items()
    ]
    differ = None
    if PROBABILITIES_OUTPUT in keras_outputs:
        expected, actual = (outputs[PROBABILITIES_OUTPUT].argmax(axis=1) for outputs in (keras_outputs, onnx_outputs))
        differ = int((expected != actual).sum())
    return Agreement(
        rows=n_rows,
        labels_that_differ=differ,
        largest_probability_difference=shares[PROBABILITIES_OUTPUT],
        largest_novelty_difference=shares[NOVELTY_OUTPUT],
        largest_number_difference=max(numbers, default=None),
    )
