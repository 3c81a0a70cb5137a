"""Run a graph on rows with ONNX Runtime, and check that its outputs are what the contract says. Needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
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
        return in_batches(rows, run)
    except CANNOT_RUN as error:
        raise ConversionError(f"ONNX Runtime cannot run the graph on {len(rows)} rows ({first_line(error)})") from None


def in_batches(rows: Rows, run: Callable[[Rows], Outputs]) -> Outputs:
    """Run all rows, `BATCH` at a time, so that a whole training file needs little memory."""
    batches = [run(rows.part(start, start + BATCH)) for start in range(0, len(rows), BATCH)]
    return {name: np.concatenate([outputs[name] for outputs in batches]) for name in batches[0]}


def check_independence(outputs: Outputs, alone: Outputs) -> None:
    """Check that the first row gets the same answer alone as among others.

    Raises:
        ConversionError: it does not.
    """
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
                f"the model's {name} are not finite on {n_bad} of {len(values)} rows; {_cause(contract)}"
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


def _cause(contract: ModelContract) -> str:
    """Why an output may not be finite."""
    may_be_nan = [item.name for item in contract.numeric if item.missing == "value" and item.missing_value is None]
    if may_be_nan:
        return (
            f"it gets NaN where {', '.join(may_be_nan[:5])} is missing, which only some models take; write a "
            f"`missing_value` into the contract"
        )
    return "a weight or a scaling constant is damaged"
