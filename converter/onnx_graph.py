"""What every graph of an artifact has in common, and how to walk through one. Needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Collection

import onnx
from onnx import TensorProto, helper

from contract.artifact.contract import (
    CATEGORICAL_INPUT,
    DEVIATIONS_OUTPUT,
    NUMERIC_INPUT,
    PROBABILITIES_OUTPUT,
    ModelContract,
)

OPSET, ML_OPSET = 18, 3
IR_VERSION = 9
"""Old enough for every ONNX Runtime since 1.17."""
PRODUCER = "oversight.converter"
BATCH = "rows"
ML_DOMAIN = "ai.onnx.ml"
STANDARD_DOMAINS = ("", "ai.onnx", ML_DOMAIN)


def artifact_inputs(contract: ModelContract) -> list[onnx.ValueInfoProto]:
    """The inputs of an artifact's graph; one without features is left out."""
    return [
        helper.make_tensor_value_info(name, kind, [BATCH, len(features)])
        for name, kind, features in (
            (NUMERIC_INPUT, TensorProto.FLOAT, contract.numeric),
            (CATEGORICAL_INPUT, TensorProto.STRING, contract.categorical),
        )
        if features
    ]


def artifact_outputs(contract: ModelContract, computed: Collection[str]) -> list[onnx.ValueInfoProto]:
    """The outputs of the task, and the deviations if they are among the computed tensors."""
    widths = {PROBABILITIES_OUTPUT: [len(contract.labels)], DEVIATIONS_OUTPUT: [len(contract.numeric)]}
    names = [*contract.outputs, *([DEVIATIONS_OUTPUT] if DEVIATIONS_OUTPUT in computed else [])]
    return [helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *widths.get(name, [])]) for name in names]


def inner_graphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The branches and loop bodies of a node."""
    single = [attribute.g for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH]
    return single + [inner for attribute in node.attribute for inner in attribute.graphs]


def nodes_of(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """All nodes, including those inside branches and loops."""
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes.append(node)
        for inner in inner_graphs(node):
            nodes += nodes_of(inner)
    return nodes


def reads(node: onnx.NodeProto) -> list[str]:
    """The tensors that a node needs, those of its branches and loop bodies behind its own."""
    inner = [name for body in inner_graphs(node) for part in nodes_of(body) for name in part.input]
    return [*node.input, *inner]


def foreign_operators(graph: onnx.GraphProto) -> list[str]:
    """The operators that are not part of standard ONNX, each once, sorted."""
    foreign = (node for node in nodes_of(graph) if node.domain not in STANDARD_DOMAINS)
    return sorted({f"{node.domain}::{node.op_type}" for node in foreign})
