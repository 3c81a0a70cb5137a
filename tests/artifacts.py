"""A small real artifact from another domain. Code that works with it works with any contract.

turbine.temperature_c, turbine.vibration_mm_s, turbine.state.mode ──▶ healthy, overheating, bearing_wear
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contract.artifact.contract import METADATA_KEY, Feature, Label, ModelContract, Tactic, Technique

TACTIC = Tactic("TA0040", "Impact", "https://attack.mitre.org/tactics/TA0040/")
TURBINE = ModelContract(
    name="turbine",
    features=(
        Feature("temperature_c", "turbine.temperature_c", "float", minimum=20.0, maximum=140.1, background=60.0),
        Feature("mode", "turbine.state.mode", "string", vocabulary=("steady", "starting", "off"), background="steady"),
        Feature("vibration_mm_s", "turbine.vibration_mm_s", "float", minimum=0.0, maximum=25.5, background=1.5),
    ),
    labels=(
        Label("bearing_wear", "wear", 47),
        Label("healthy", "fine", 0),
        Label(
            "overheating",
            "heat",
            73,
            Technique(
                "T1495",
                "Firmware Corruption",
                "https://attack.mitre.org/techniques/T1495/",
                TACTIC,
                sub_id="T1495.001",
                sub_name="Bootloader",
                sub_reference="https://attack.mitre.org/techniques/T1495/001/",
            ),
        ),
    ),
    families=("fine", "heat", "wear"),
    novelty_threshold=0.9,
    training={"rows": 120, "seed": 7},
    libraries={"onnx": onnx.__version__},
    heldout={"rows": 30, "accuracy": 0.97},
)

HEALTHY = {"turbine": {"temperature_c": 61.5, "vibration_mm_s": 1.2, "state": {"mode": "steady"}}}
HOT = {"turbine": {"temperature_c": 125, "vibration_mm_s": 1.5, "state": {"mode": "steady"}}}
WORN = {"turbine": {"temperature_c": 60.0, "vibration_mm_s": 22.5, "state": {"mode": "steady"}}}
STRANGE = {"turbine": {"temperature_c": -30.0, "vibration_mm_s": 0.1, "state": {"mode": "off"}}}
"""Cold: unlike anything in training, but still closest to healthy."""

_CENTRE, _SCALE = np.array([60.0, 1.5], np.float32), np.array([0.05, 0.2], np.float32)
_WEIGHTS = np.array([[0.0, 0.0, 3.0], [3.0, 0.0, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 0.0], [0.0, 0.3, 0.0]], np.float32)
"""From temperature, vibration and the three modes to the logits of the three labels."""
_BIAS = np.array([0.0, 3.0, 0.0], np.float32)


def turbine_graph() -> onnx.GraphProto:
    """Return a graph: scale, one-hot, one linear layer, softmax; novelty grows with the distance from the centre."""
    nodes = [
        helper.make_node("Sub", ["numeric", "centre"], ["shifted"]),
        helper.make_node("Mul", ["shifted", "scale"], ["scaled"]),
        helper.make_node(
            "OneHotEncoder",
            ["categorical"],
            ["hot"],
            domain="ai.onnx.ml",
            zeros=1,
            cats_strings=list(TURBINE.categorical[0].vocabulary),
        ),
        helper.make_node("Flatten", ["hot"], ["modes"], axis=1),
        helper.make_node("Concat", ["scaled", "modes"], ["row"], axis=1),
        helper.make_node("Gemm", ["row", "weights", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("Mul", ["scaled", "scaled"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["distance"], axes=[1], keepdims=0),
        helper.make_node("Neg", ["distance"], ["minus"]),
        helper.make_node("Exp", ["minus"], ["likeness"]),
        helper.make_node("Sub", ["one", "likeness"], ["novelty"]),
    ]
    constants = {"centre": _CENTRE, "scale": _SCALE, "weights": _WEIGHTS, "bias": _BIAS, "one": np.float32(1.0)}
    return helper.make_graph(
        nodes,
        "turbine",
        [
            helper.make_tensor_value_info("numeric", TensorProto.FLOAT, ["n", 2]),
            helper.make_tensor_value_info("categorical", TensorProto.STRING, ["n", 1]),
        ],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3]),
            helper.make_tensor_value_info("novelty", TensorProto.FLOAT, ["n"]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )


def write_model(
    path: Path,
    contract: ModelContract | None = TURBINE,
    *,
    graph: onnx.GraphProto | None = None,
    metadata: dict[str, str] | None = None,
    change: Callable[[Any], None] | None = None,
) -> Path:
    """Write an artifact. `contract=None` leaves out the metadata; `change` may damage the model before."""
    model = helper.make_model(
        graph or turbine_graph(),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)],
        ir_version=9,
    )
    entries = {} if contract is None else {METADATA_KEY: contract.to_json()}
    helper.set_model_props(model, {**entries, **(metadata or {})})
    if change is not None:
        change(model)
    path.write_bytes(model.SerializeToString())
    return path


def without_novelty(contract: ModelContract = TURBINE) -> ModelContract:
    """Return the same contract for a model without novelty."""
    return replace(contract, novelty_threshold=None)
