"""A small artifact for each task, and one whose documents have missing values, dates, booleans and integers as words.

All have the pressure and the noise of a pump as features.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contract.artifact.contract import EventWords, Feature, Label, ModelContract, ScoreOutput, ValueOutput
from contract.artifact.from_json import labels_of_task
from tests.artifacts import write_model

PRESSURE = Feature(
    "pressure",
    "pump.pressure",
    "float",
    minimum=0.0,
    maximum=12.0,
    background=4.0,
    usual_low=2.0,
    usual_middle=4.0,
    usual_high=6.0,
    profile_edges=(3.0, 5.0),
    profile_shares=(0.25, 0.5, 0.25),
)
NOISE = Feature("noise", "pump.noise", "float", minimum=0.0, maximum=100.0, background=30.0)
NORMAL, BURST, LOUD = Label("normal", "normal", 0), Label("burst", "failure", 73), Label("loud", "wear", 47)
HOST = EventWords(("host",), ("info",), ("host", "intrusion_detection"), ("info", "error"))


def _of_numbers(task: Any, **outputs: Any) -> ModelContract:
    labels, families = labels_of_task(task)
    return ModelContract("pump", (PRESSURE, NOISE), labels, families, task=task, event=HOST, **outputs)


ONE_SIGMOID = ModelContract(
    "pump",
    (PRESSURE, NOISE),
    (NORMAL, Label("burst", "failure", 73, threshold=0.3)),
    ("normal", "failure"),
    event=HOST,
)
"""P(burst) is the sigmoid of the pressure minus 8."""
SEVERAL = ModelContract(
    "pump",
    (PRESSURE, NOISE),
    (BURST, LOUD, NORMAL),
    ("normal", "failure", "wear"),
    several_labels=True,
    event=HOST,
)
"""P(burst) as above, P(loud) is the sigmoid of a tenth of the noise minus 6."""
REGRESSION = _of_numbers("regression", value=ValueOutput("litres", low=0.0, high=20.0))
"""The value is twice the pressure plus a hundredth of the noise."""
RECONSTRUCTION = _of_numbers("anomaly", score=ScoreOutput(threshold=1.0, measure="mae"))
"""The score is the mean of the deviations: the distance to 4 and to 30, in units of 2 and of 20."""
SCORE_BELOW = _of_numbers("anomaly", score=ScoreOutput(threshold=-1.0, alerts="below"))
"""The score is 5 minus the pressure."""

MIXED = ModelContract(
    "pump",
    (
        Feature("pressure", "pump.pressure", "float", minimum=0.0, background=4.0, missing="flag", missing_value=0.0),
        Feature("at_hour", "pump.at", "float", background=12.0, reads="hour"),
        Feature(
            "mode", "pump.mode", "string", ("off", "steady"), background="steady", missing="value", missing_value=""
        ),
        Feature("at_weekday", "pump.at", "float", background=2.0, reads="weekday"),
        Feature("open", "pump.open", "float", background=0.0, reads="boolean"),
        Feature("age_s", "pump.built", "float", background=0.0, reads="seconds", origin="2026-01-01T00:00:00Z"),
        Feature("port", "pump.port", "string", ("22", "443"), background="443"),
        Feature("noise", "pump.noise", "float", background=30.0, missing="value", missing_value=30.0),
        Feature("shift", "@timestamp", "float", background=12.0, reads="hour"),
    ),
    (NORMAL, BURST),
    ("normal", "failure"),
    event=HOST,
)
"""Alerts if the pressure is missing, at night, on Sundays, if the valve is open, or if the port is 22."""

QUIET: dict[str, Any] = {"pump": {"pressure": 4.0, "noise": 30.0}}
BURSTING: dict[str, Any] = {"pump": {"pressure": 12.0, "noise": 30.0}}
NOISY: dict[str, Any] = {"pump": {"pressure": 4.0, "noise": 95.0}}
BOTH: dict[str, Any] = {"pump": {"pressure": 12.0, "noise": 95.0}}


def one_sigmoid() -> onnx.GraphProto:
    """Two probabilities from one logit."""
    return _graph(
        ONE_SIGMOID,
        {"probabilities": ["n", 2]},
        [
            *_gemm([[1.0], [0.0]], [-8.0], to="logit"),
            ("Sigmoid", ["logit"], "p"),
            *_complement("p"),
            _both("rest", "p"),
        ],
    )


def several() -> onnx.GraphProto:
    """Two independent probabilities, and the probability that neither label holds."""
    return _graph(
        SEVERAL,
        {"probabilities": ["n", 3]},
        [
            *_gemm([[1.0, 0.0], [0.0, 0.1]], [-8.0, -6.0], to="logits"),
            ("Sigmoid", ["logits"], "p"),
            ("ReduceMax", ["p"], "largest", {"axes": [1], "keepdims": 1}),
            *_complement("largest"),
            _both("p", "rest"),
        ],
    )


def regression() -> onnx.GraphProto:
    """One number per row."""
    return _graph(REGRESSION, {"value": ["n"]}, [*_gemm([[2.0], [0.01]], [0.0], to="column"), *_flat("value")])


def score_below() -> onnx.GraphProto:
    """One score per row; a lower score is more anomalous."""
    return _graph(SCORE_BELOW, {"score": ["n"]}, [*_gemm([[-1.0], [0.0]], [5.0], to="column"), *_flat("score")])


def reconstruction() -> onnx.GraphProto:
    """A score, and the deviation of each number."""
    return _graph(
        RECONSTRUCTION,
        {"score": ["n"], "deviations": ["n", 2]},
        [
            *_constant("usual", [4.0, 30.0]),
            *_constant("unit", [2.0, 20.0]),
            ("Sub", ["numeric", "usual"], "off"),
            ("Div", ["off", "unit"], "units"),
            ("Abs", ["units"], "deviations"),
            ("ReduceMean", ["deviations"], "score", {"axes": [1], "keepdims": 0}),
        ],
    )


def mixed() -> onnx.GraphProto:
    """Two labels from words, and from numbers with flags for missing ones."""
    weights = np.zeros((7 + 7 + 8, 2), np.float32)
    weights[1, 1] = -1.0  # from 12 o'clock on, the hour outweighs everything else
    weights[2, 1] = 3.0  # weekday
    weights[3, 1] = 30.0  # open
    weights[7, 1] = 30.0  # no pressure
    weights[7 + 7 + 4 + 2, 1] = 30.0  # port 22
    return _graph(
        MIXED,
        {"probabilities": ["n", 2]},
        [
            ("IsNaN", ["numeric"], "gaps"),
            *_constant("nought", 0.0),
            ("Where", ["gaps", "nought", "numeric"], "numbers"),
            ("Cast", ["gaps"], "flags", {"to": TensorProto.FLOAT}),
            (
                "OneHotEncoder",
                ["categorical"],
                "hot",
                {"domain": "ai.onnx.ml", "zeros": 1, "cats_strings": ["off", "steady", "22", "443"]},
            ),
            ("Flatten", ["hot"], "words", {"axis": 1}),
            ("Concat", ["numbers", "flags", "words"], "row", {"axis": 1}),
            *_gemm(weights, [0.0, 2.0], of="row", to="logits"),
            ("Softmax", ["logits"], "probabilities", {"axis": 1}),
        ],
    )


ALL = {
    "one sigmoid": (ONE_SIGMOID, one_sigmoid),
    "several labels": (SEVERAL, several),
    "regression": (REGRESSION, regression),
    "reconstruction": (RECONSTRUCTION, reconstruction),
    "score below": (SCORE_BELOW, score_below),
    "mixed": (MIXED, mixed),
}
"""Contract and graph of each model."""
MIXED_QUIET: dict[str, Any] = {
    "@timestamp": "2026-03-04T12:00:00Z",
    "pump": {
        "pressure": 4.0,
        "noise": 30.0,
        "at": "2026-03-02T12:30:00Z",
        "built": "2026-01-01T00:00:10Z",
        "open": False,
        "mode": "steady",
        "port": 443,
    },
}
EXAMPLES = {name: MIXED_QUIET if name == "mixed" else QUIET for name in ALL}
"""A document for each model that does not alert."""


def write_task(folder: Path, name: str, contract: ModelContract | None = None) -> Path:
    """Write the artifact of a task in `ALL`, optionally with another contract."""
    its_contract, graph = ALL[name]
    return write_model(folder / "model.onnx", contract or its_contract, graph=graph())


_Node = tuple[Any, ...]


def _graph(contract: ModelContract, outputs: dict[str, list[Any]], nodes: Sequence[_Node]) -> onnx.GraphProto:
    inputs = [
        ("numeric", TensorProto.FLOAT, contract.numeric),
        ("categorical", TensorProto.STRING, contract.categorical),
    ]
    return helper.make_graph(
        [helper.make_node(kind, given, [made], **(more[0] if more else {})) for kind, given, made, *more in nodes],
        "pump",
        [helper.make_tensor_value_info(name, kind, ["n", len(own)]) for name, kind, own in inputs if own],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
    )


def _constant(name: str, value: Any, dtype: Any = np.float32) -> list[_Node]:
    return [("Constant", [], name, {"value": numpy_helper.from_array(np.asarray(value, dtype))})]


def _gemm(weights: Any, bias: Any, *, of: str = "numeric", to: str) -> list[_Node]:
    return [*_constant("weights", weights), *_constant("bias", bias), ("Gemm", [of, "weights", "bias"], to)]


def _flat(name: str) -> list[_Node]:
    return [*_constant("shape", [-1], np.int64), ("Reshape", ["column", "shape"], name)]


def _complement(of: str) -> list[_Node]:
    return [*_constant("one", 1.0), ("Sub", ["one", of], "rest")]


def _both(first: str, second: str) -> _Node:
    return ("Concat", [first, second], "probabilities", {"axis": 1})
