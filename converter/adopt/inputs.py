"""Give a graph the artifact's inputs, and feed its own inputs from them."""

from __future__ import annotations

import onnx
from onnx import compose, helper

from contract.artifact.contract import ModelContract
from converter.inputs.codes import uses_of, wiring_of
from converter.inputs.front import Front
from converter.inputs.port import ports_of
from converter.inputs.wiring import Choices
from converter.onnx_graph import artifact_inputs

PREFIX, MODEL_PREFIX = "oversight_", "model_"
"""Of names that are added and of the model's own, so that they never meet."""
CODES_FROM_0 = Choices(codes_from=0, unseen=-1)
"""As scikit-learn's OrdinalEncoder and the categories of pandas have it; -1 is a word that is in no vocabulary."""


def add_inputs(graph: onnx.GraphProto, contract: ModelContract, *, opset: int) -> None:
    """Replace a graph's inputs by the artifact's, in place.

    Raises:
        ConversionError: an input has no features, or a feature has no input; names both.
    """
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [item for item in graph.input if item.name not in constants]
    uses, ports = uses_of(graph), ports_of(inputs)
    wiring = wiring_of(ports, [uses.get(port.name) for port in ports], contract, CODES_FROM_0)
    front = Front(wiring, contract, opset=opset)
    compose.add_prefix_graph(graph, MODEL_PREFIX, inplace=True)
    joins = [
        helper.make_node("Identity", [tensor], [f"{MODEL_PREFIX}{port.name}"])
        for tensor, port in zip(front.tensors, ports, strict=True)
    ]
    nodes = [*front.nodes, *joins, *graph.node]
    del graph.input[:], graph.node[:]
    graph.input.extend(artifact_inputs(contract))
    graph.node.extend(nodes)
    graph.initializer.extend(front.initializers)
