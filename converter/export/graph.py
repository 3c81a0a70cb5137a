"""Build one ONNX graph: the artifact's inputs in front of the exported model, the contract in the metadata.

    categorical string (n, k) ─┐
                               ├─▶ front ─▶ preprocessing, if any ─▶ exported model ─▶ outputs
    numeric float32 (n, m) ────┘

tf2onnx numbers its names differently with each call. So all names are assigned again here, and the same model gives
the same bytes. Recurrent layers are the exception: tf2onnx writes their loops in another order each time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import onnx
from onnx import helper

from contract.artifact.contract import (
    METADATA_KEY,
    ModelContract,
)
from contract.errors import ConversionError
from converter.export.wired import Wired
from converter.inputs.front import Front
from converter.onnx_graph import (
    IR_VERSION,
    ML_DOMAIN,
    ML_OPSET,
    OPSET,
    PRODUCER,
    artifact_inputs,
    artifact_outputs,
    foreign_operators,
    inner_graphs,
    nodes_of,
    reads,
)


def export(wired: Wired, contract: ModelContract) -> onnx.ModelProto:
    """Build the whole graph and run ONNX's own checker on it.

    Raises:
        ConversionError: the graph has operators that are not standard.
    """
    front = Front(wired.wiring, contract)
    core = onnx.GraphProto()
    core.CopyFrom(wired.core)
    tensors = front.tensors
    middle: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    if wired.preprocess is not None:
        middle, tensors = wired.preprocess.connected(front.tensors)
        constants = list(wired.preprocess.graph.initializer)
    rename(core, tensors)
    graph = helper.make_graph(
        [*front.nodes, *middle, *core.node],
        "oversight",
        artifact_inputs(contract),
        artifact_outputs(contract, {output.name for output in core.output}),
        initializer=[*front.initializers, *constants, *core.initializer],
    )
    model = helper.make_model(
        graph,
        producer_name=PRODUCER,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)],
    )
    helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    if foreign := foreign_operators(graph):
        raise ConversionError(
            f"the graph needs operators that are not part of standard ONNX: {', '.join(foreign)}; remove them from "
            f"the model"
        )
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ConversionError(f"the exported graph is not valid ONNX ({str(error).splitlines()[0]})") from None
    return model


def rename(graph: onnx.GraphProto, tensors: Sequence[str]) -> None:
    """Number all nodes and tensors in their order. The outputs of the graph keep the artifact's names.

    Args:
        tensors: the tensor that replaces each of the inputs `input_0`, `input_1` and so on.
    """
    sort(graph)
    names = {f"input_{place}": tensor for place, tensor in enumerate(tensors)}
    names |= {output.name: output.name for output in graph.output}
    _rename(graph, names, itertools.count())


def sort(graph: onnx.GraphProto) -> None:
    """Order the outer nodes only by what they need, because tf2onnx's order depends on how often it was called."""
    producer = {name: node for node in graph.node for name in node.output}
    ordered: list[onnx.NodeProto] = []
    done: set[str] = set()
    waiting = [(name, False) for name in sorted((output.name for output in graph.output), reverse=True)]
    while waiting:  # depth first, without recursion: a deep model is a long chain
        name, needs_are_done = waiting.pop()
        node = producer.get(name)
        if node is None or node.output[0] in done:
            continue
        if needs_are_done:
            done.add(node.output[0])
            ordered.append(node)
            continue
        waiting.append((name, True))
        waiting += [(need, False) for need in reversed(reads(node))]
    for node in ordered:
        attributes = sorted(node.attribute, key=lambda attribute: attribute.name)
        del node.attribute[:]
        node.attribute.extend(attributes)
    del graph.node[:]
    graph.node.extend(ordered)


def _rename(graph: onnx.GraphProto, names: dict[str, str], number: Iterator[int]) -> None:
    """Rename within a graph whose outer names are known. Branches and loops inside use these and add their own."""
    uses = [name for node in nodes_of(graph) for name in node.input] + [output.name for output in graph.output]
    first_use = {name: place for place, name in reversed(list(enumerate(uses)))}
    initializers = sorted(
        (item for item in graph.initializer if item.name in first_use), key=lambda i: first_use[i.name]
    )
    for tensor in initializers:
        tensor.name = names.setdefault(tensor.name, f"constant_{next(number)}")
    del graph.initializer[:]
    graph.initializer.extend(initializers)
    for node in graph.node:
        node.ClearField("doc_string")
        node.name = f"{node.op_type}_{next(number)}"
        node.input[:] = [names[name] if name else "" for name in node.input]
        for inner in inner_graphs(node):
            own = dict(names)
            own |= {item.name: f"tensor_{next(number)}" for item in inner.input}
            _rename(inner, own, number)
            inner.name = f"body_{next(number)}"
            for item in (*inner.input, *inner.output):
                item.name = own[item.name]
            del inner.value_info[:]
        node.output[:] = [names.setdefault(name, f"tensor_{next(number)}") if name else "" for name in node.output]
