"""Check that ONNX gives the same predictions as Keras: run the same rows through both and compare.

rows ─┬─▶ codes (in NumPy) ─▶ Keras ────────────┐
      └─▶ words ─▶ ONNX Runtime, one graph ─────┴─▶ labels equal, probabilities within 1e-5, novelty within 1e-4,
                                                    values and scores within 1e-5 of their spread
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from contract.artifact.contract import (
    CATEGORICAL_INPUT,
    NOVELTY_OUTPUT,
    NUMERIC_INPUT,
    PROBABILITIES_OUTPUT,
    ModelContract,
)
from contract.errors import ConversionError
from contract.onnx.session import closed, first_line, newer_than_runtime
from converter.rows import Rows
from converter.signature import Signature

PROBABILITY_TOLERANCE = 1e-5
"""float32 sums in another order differ by about 1e-7. A wrong operator differs by far more."""
NOVELTY_TOLERANCE = 1e-4
"""A reconstruction error squares and sums, so it rounds more than a softmax."""
NUMBER_TOLERANCE = 1e-5
"""Of a value, score or deviation: the share of the largest one in these rows by which two may differ."""
SUM_TOLERANCE = 1e-3
BATCH = 16_384
SHARES = (PROBABILITIES_OUTPUT, NOVELTY_OUTPUT)
"""Outputs from 0 to 1."""
CANNOT_RUN = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)
"""The exceptions that ONNX Runtime raises; they have no common base class."""

Outputs = dict[str, NDArray[np.float32]]


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


def agreement(signature: Signature, model: onnx.ModelProto, contract: ModelContract, rows: Rows) -> Agreement:
    """Run the rows through Keras and through ONNX Runtime, and compare.

    Raises:
        ConversionError: an output is not what the contract says, or the two differ by more than rounding.
    """
    keras_outputs = run_keras(signature, contract, rows)
    check_meaning(keras_outputs, contract)
    session = open_session(model)
    onnx_outputs = run_onnx(session, rows)
    check_meaning(onnx_outputs, contract)
    _check_independence(onnx_outputs, run_onnx(session, rows.first()))
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


def run_keras(signature: Signature, contract: ModelContract, rows: Rows) -> Outputs:
    """The outputs of the Keras model. NumPy encodes the words here, independently of the graph."""

    def run(part: Rows) -> Outputs:
        tensors = [tf.constant(part.numeric)] if contract.numeric else []
        if contract.categorical:
            tensors.append(tf.constant(codes(part.categorical, contract)))
        return {name: tensor.numpy() for name, tensor in signature(*tensors).items()}

    return _in_batches(rows, run)


def codes(words: NDArray[np.object_], contract: ModelContract) -> NDArray[np.int32]:
    """Codes of words: place in the vocabulary plus 1, 0 for any other; shape (n_rows, n_categorical) in and out."""
    tables = [{word: code for code, word in enumerate(item.vocabulary, 1)} for item in contract.categorical]
    rows_of_codes = [[table.get(word, 0) for table, word in zip(tables, row, strict=True)] for row in words]
    return np.array(rows_of_codes, np.int32).reshape(words.shape)


def open_session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """Open the graph in ONNX Runtime.

    Raises:
        ConversionError: ONNX Runtime does not accept it.
    """
    try:
        options = closed(onnxruntime.SessionOptions())
        options.log_severity_level = 4  # its errors come as exceptions
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except CANNOT_RUN as error:
        newer = newer_than_runtime(str(error), onnxruntime.__version__)
        raise ConversionError(newer or f"ONNX Runtime cannot load the graph ({first_line(error)})") from None


def run_onnx(session: onnxruntime.InferenceSession, rows: Rows) -> Outputs:
    """The outputs of the graph.

    Raises:
        ConversionError: the graph fails on these rows.
    """
    names = [output.name for output in session.get_outputs()]

    def run(part: Rows) -> Outputs:
        values = {NUMERIC_INPUT: part.numeric, CATEGORICAL_INPUT: part.categorical}
        feed = {item.name: values[item.name] for item in session.get_inputs()}
        return dict(zip(names, session.run(names, feed), strict=True))

    try:
        return _in_batches(rows, run)
    except CANNOT_RUN as error:
        raise ConversionError(f"ONNX Runtime cannot run the graph on {len(rows)} rows ({first_line(error)})") from None


def _in_batches(rows: Rows, run: Callable[[Rows], Outputs]) -> Outputs:
    """Run all rows, `BATCH` at a time, so that a whole training file needs little memory."""
    batches = [run(rows.part(start, start + BATCH)) for start in range(0, len(rows), BATCH)]
    return {name: np.concatenate([outputs[name] for outputs in batches]) for name in batches[0]}


def _check_independence(outputs: Outputs, alone: Outputs) -> None:
    for name, output in alone.items():
        among_others = outputs[name][:1]
        if output.shape != among_others.shape or not np.allclose(
            output, among_others, rtol=0.0 if name in SHARES else NUMBER_TOLERANCE, atol=PROBABILITY_TOLERANCE
        ):
            raise ConversionError(
                f"the model's {name} for a row differ between the row alone and the row in a batch; make rows "
                f"independent of each other, for "
                f"example without batch statistics"
            )


def check_meaning(outputs: Outputs, contract: ModelContract) -> None:
    """Check that the outputs are what the contract says.

    Raises:
        ConversionError: an output is not finite, not between 0 and 1, or probabilities do not sum to 1.
    """
    for name, values in outputs.items():
        if not np.isfinite(values).all():
            n_bad = int((~np.isfinite(values)).reshape(len(values), -1).any(axis=1).sum())
            raise ConversionError(
                f"the model's {name} are not finite on {n_bad} of {len(values)} rows; a weight or a scaling "
                "constant is damaged"
            )
        if name in SHARES and (values.min() < -PROBABILITY_TOLERANCE or values.max() > 1 + PROBABILITY_TOLERANCE):
            raise ConversionError(
                f"the model's {name} range from {values.min():.4g} to {values.max():.4g}, expected 0 to 1; "
                f"end the model with a softmax (probabilities) or scale the error to 0..1 (novelty)"
            )
    if contract.task != "classification" or contract.several_labels:
        return
    sums = outputs[PROBABILITIES_OUTPUT].sum(axis=1)
    worst = sums[np.abs(sums - 1).argmax()]
    if abs(worst - 1) > SUM_TOLERANCE:
        raise ConversionError(
            f"a row's {len(contract.labels)} probabilities sum to {worst:.4g}, expected 1; end the model with a softmax"
        )


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
