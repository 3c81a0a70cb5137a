"""Does ONNX answer as Keras does? The same rows through both, word by word and number by number.

rows ─┬─▶ codes (in NumPy) ─▶ Keras ────────────┐
      └─▶ words ─▶ ONNX Runtime, one graph ─────┴─▶ labels equal, probabilities within 1e-5, novelty within 1e-4
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
"""float32 sums in another order differ by some 1e-7; a wrong operator differs by far more."""
NOVELTY_TOLERANCE = 1e-4
"""A reconstruction error squares and sums, so it carries more rounding than a softmax."""
SUM_TOLERANCE = 1e-3
BATCH = 16_384
CANNOT_RUN = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)
"""What ONNX Runtime raises; these have no base class of their own."""

Answers = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Agreement:
    """How far the two were apart on the rows that were tried."""

    rows: int
    labels_that_differ: int
    largest_probability_difference: float
    largest_novelty_difference: float | None


def agreement(signature: Signature, model: onnx.ModelProto, contract: ModelContract, rows: Rows) -> Agreement:
    """Run the rows through Keras and through ONNX Runtime.

    Raises:
        ConversionError: an answer is no probability, or the two differ by more than rounding.
    """
    keras_answers = run_keras(signature, contract, rows)
    check_meaning(keras_answers, contract)
    session = open_session(model)
    onnx_answers = run_onnx(session, rows)
    check_meaning(onnx_answers, contract)
    _check_independence(onnx_answers, run_onnx(session, rows.first()))
    found = _compare(keras_answers, onnx_answers, len(rows))
    if (
        found.labels_that_differ
        or not found.largest_probability_difference <= PROBABILITY_TOLERANCE
        or not (found.largest_novelty_difference or 0.0) <= NOVELTY_TOLERANCE
    ):
        raise ConversionError(
            f"ONNX does not answer as Keras does on {found.rows} rows: {found.labels_that_differ} labels "
            "differ, probabilities by "
            f"up to {found.largest_probability_difference:.2g} (allowed {PROBABILITY_TOLERANCE}), novelty by up to "
            f"{found.largest_novelty_difference or 0:.2g} (allowed {NOVELTY_TOLERANCE}); nothing was written"
        )
    return found


def run_keras(signature: Signature, contract: ModelContract, rows: Rows) -> Answers:
    """Answers of the original, words encoded here in NumPy, independently of the graph."""

    def run(part: Rows) -> Answers:
        tensors = [tf.constant(part.numeric)] if contract.numeric else []
        if contract.categorical:
            tensors.append(tf.constant(codes(part.categorical, contract)))
        return {name: tensor.numpy() for name, tensor in signature(*tensors).items()}

    return _in_batches(rows, run)


def codes(words: NDArray[np.object_], contract: ModelContract) -> NDArray[np.int32]:
    """Place in the vocabulary plus 1, 0 for any other word; shape (n_rows, n_categorical) in and out."""
    tables = [{word: code for code, word in enumerate(item.vocabulary, 1)} for item in contract.categorical]
    found = [[table.get(word, 0) for table, word in zip(tables, row, strict=True)] for row in words]
    return np.array(found, np.int32).reshape(words.shape)


def open_session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """The graph in ONNX Runtime.

    Raises:
        ConversionError: ONNX Runtime does not take it.
    """
    try:
        options = closed(onnxruntime.SessionOptions())
        options.log_severity_level = 4  # what it has to say comes as an exception
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except CANNOT_RUN as error:
        newer = newer_than_runtime(str(error), onnxruntime.__version__)
        raise ConversionError(newer or f"ONNX Runtime cannot load the graph ({first_line(error)})") from None


def run_onnx(session: onnxruntime.InferenceSession, rows: Rows) -> Answers:
    """Answers of the graph.

    Raises:
        ConversionError: it fails on these rows.
    """
    names = [output.name for output in session.get_outputs()]

    def run(part: Rows) -> Answers:
        values = {NUMERIC_INPUT: part.numeric, CATEGORICAL_INPUT: part.categorical}
        feed = {item.name: values[item.name] for item in session.get_inputs()}
        return dict(zip(names, session.run(names, feed), strict=True))

    try:
        return _in_batches(rows, run)
    except CANNOT_RUN as error:
        raise ConversionError(f"ONNX Runtime cannot run the graph on {len(rows)} rows ({first_line(error)})") from None


def _in_batches(rows: Rows, run: Callable[[Rows], Answers]) -> Answers:
    """Answers to all rows, `BATCH` at a time: a whole training file passes in little memory."""
    found = [run(rows.part(start, start + BATCH)) for start in range(0, len(rows), BATCH)]
    return {name: np.concatenate([answers[name] for answers in found]) for name in found[0]}


def _check_independence(answers: Answers, alone: Answers) -> None:
    for name, answer in alone.items():
        among_others = answers[name][:1]
        if answer.shape != among_others.shape or not np.allclose(answer, among_others, atol=PROBABILITY_TOLERANCE):
            raise ConversionError(
                f"the model's {name} of a row alone differ from those of the same row in a batch; expected "
                "rows to be independent"
            )


def check_meaning(answers: Answers, contract: ModelContract) -> None:
    """Whether the outputs are what the contract calls them.

    Raises:
        ConversionError: an output is not finite, not between 0 and 1, or probabilities do not sum to 1.
    """
    for name, values in answers.items():
        if not np.isfinite(values).all():
            n_bad = int((~np.isfinite(values)).reshape(len(values), -1).any(axis=1).sum())
            raise ConversionError(
                f"the model's {name} are not finite on {n_bad} of {len(values)} rows; a weight or a scaling "
                "constant is damaged"
            )
        if values.min() < -PROBABILITY_TOLERANCE or values.max() > 1 + PROBABILITY_TOLERANCE:
            raise ConversionError(
                f"the model's {name} reach from {values.min():.4g} to {values.max():.4g}, expected 0 to 1; "
                f"end the model in a softmax (probabilities) or map the error to 0..1 (novelty)"
            )
    sums = answers[PROBABILITIES_OUTPUT].sum(axis=1)
    worst = sums[np.abs(sums - 1).argmax()]
    if abs(worst - 1) > SUM_TOLERANCE:
        raise ConversionError(
            f"a row's {len(contract.labels)} probabilities sum to {worst:.4g}, expected 1; end the model in a softmax"
        )


def _compare(keras_answers: Answers, onnx_answers: Answers, n_rows: int) -> Agreement:
    expected, found = (answers[PROBABILITIES_OUTPUT] for answers in (keras_answers, onnx_answers))
    novelty = None
    if NOVELTY_OUTPUT in keras_answers:
        novelty = float(np.abs(keras_answers[NOVELTY_OUTPUT] - onnx_answers[NOVELTY_OUTPUT]).max())
    return Agreement(
        rows=n_rows,
        labels_that_differ=int((expected.argmax(axis=1) != found.argmax(axis=1)).sum()),
        largest_probability_difference=float(np.abs(expected - found).max()),
        largest_novelty_difference=novelty,
    )
