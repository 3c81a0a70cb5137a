"""Rewrite operations that tf2onnx leaves as TensorFlow's, with ONNX's own operations.

    Log1p(x) ─▶ Log(x + 1)        Expm1(x) ─▶ Exp(x) - 1        Erfc(x) ─▶ 1 - Erf(x)

Many tabular models have a logarithm of counts or a gelu, and need no other rewrite.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper, numpy_helper

Rewrite = Callable[[str, str, str], list[onnx.NodeProto]]
"""Makes the nodes that replace an operation, from the names of input, output and the constant 1."""


def _log1p(x: str, y: str, one: str) -> list[onnx.NodeProto]:
    return [helper.make_node("Add", [x, one], [f"{y}_plus_one"]), helper.make_node("Log", [f"{y}_plus_one"], [y])]


def _expm1(x: str, y: str, one: str) -> list[onnx.NodeProto]:
    return [helper.make_node("Exp", [x], [f"{y}_exp"]), helper.make_node("Sub", [f"{y}_exp", one], [y])]


def _erfc(x: str, y: str, one: str) -> list[onnx.NodeProto]:
    return [helper.make_node("Erf", [x], [f"{y}_erf"]), helper.make_node("Sub", [one, f"{y}_erf"], [y])]


REWRITES: dict[str, Rewrite] = {"Log1p": _log1p, "Expm1": _expm1, "Erfc": _erfc}


def rewrite(graph: onnx.GraphProto) -> None:
    """Replace these operations of the outer graph in place. Assumes float32, as Keras uses."""
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type not in REWRITES:
            nodes.append(node)
            continue
        one = f"{node.output[0]}_one"
        graph.initializer.append(numpy_helper.from_array(np.array(1, np.float32), one))
        nodes += REWRITES[node.op_type](node.input[0], node.output[0], one)
    del graph.node[:]
    graph.node.extend(nodes)
