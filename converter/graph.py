"""Build one ONNX graph from a signature: look-ups for words in front, the contract in the metadata.

    categorical string (n, k) ─▶ by column: LabelEncoder ─▶ codes int32 (n, k) ─┐
                                                                                ├─▶ exported Keras model ─▶ outputs
    numeric float32 (n, m) ─────────────────────────────────────────────────────┘

tf2onnx numbers its names differently with each call. So all names are assigned again here, and the same model gives
the same bytes. Recurrent layers are the exception: tf2onnx writes their loops in another order each time.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from typing import Any

import onnx
import tensorflow as tf
import tf2onnx
from onnx import TensorProto, helper, numpy_helper

from contract.artifact.contract import (
    CATEGORICAL_INPUT,
    DEVIATIONS_OUTPUT,
    METADATA_KEY,
    NUMERIC_INPUT,
    PROBABILITIES_OUTPUT,
    ModelContract,
)
from contract.errors import ConversionError
from converter.fuse import fuse
from converter.onnx_graph import (
    BATCH,
    IR_VERSION,
    ML_DOMAIN,
    ML_OPSET,
    OPSET,
    PRODUCER,
    STANDARD_DOMAINS,
    inner_graphs,
    nodes_of,
)
from converter.rewrite import rewrite
from converter.signature import Signature, specs

CODES = "codes"


def export(signature: Signature, contract: ModelContract) -> onnx.ModelProto:
    """Build the whole graph and run ONNX's own checker on it.

    Raises:
        ConversionError: the model uses an operation that ONNX does not have.
    """
    core = _from_tensorflow(signature, contract)
    rename(core)
    front = _look_ups(contract)
    graph = helper.make_graph(
        [*front, *core.node],
        "oversight",
        _inputs(contract),
        _outputs(contract, core),
        initializer=list(core.initializer),
    )
    model = helper.make_model(
        graph,
        producer_name=PRODUCER,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)],
    )
    helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    foreign = sorted(
        {f"{node.domain}::{node.op_type}" for node in nodes_of(graph) if node.domain not in STANDARD_DOMAINS}
    )
    if foreign:
        raise ConversionError(
            f"the graph needs operators that are not part of standard ONNX: {', '.join(foreign)}; remove them from "
            f"the model"
        )
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ConversionError(f"the exported graph is not valid ONNX ({str(error).splitlines()[0]})") from None
    return model


def _from_tensorflow(signature: Signature, contract: ModelContract) -> onnx.GraphProto:
    """The Keras model alone, as tf2onnx writes it. Adds the constants that tf2onnx mistakes for inputs."""
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # our error message contains its warnings
    concrete = signature.get_concrete_function()  # type: ignore[attr-defined]
    exported, _ = tf2onnx.convert.from_function(signature, input_signature=specs(contract), opset=OPSET)
    graph: onnx.GraphProto = exported.graph
    rewrite(graph)
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    missing = sorted({node.op_type for node in nodes_of(graph) if node.op_type not in known})
    if missing:
        raise ConversionError(
            f"the model uses operations that ONNX does not have: {', '.join(missing)}; replace them with other "
            f"operations"
        )
    for outside, inside in concrete.graph.captures:
        if outside.dtype != tf.resource:
            graph.initializer.append(numpy_helper.from_array(outside.numpy(), inside.name))
    fuse(graph, OPSET)
    return graph


def rename(graph: onnx.GraphProto) -> None:
    """Number all nodes and tensors in their order. The inputs and outputs of the graph keep the artifact's names."""
    sort(graph)
    names = {NUMERIC_INPUT: NUMERIC_INPUT, CATEGORICAL_INPUT: CODES}
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
        inner = [use for body in inner_graphs(node) for part in nodes_of(body) for use in part.input]
        waiting.append((name, True))
        waiting += [(need, False) for need in reversed([*node.input, *inner])]
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


def _look_ups(contract: ModelContract) -> list[Any]:
    """Nodes that turn words into codes: place in the vocabulary plus 1, 0 for any other word."""
    if not contract.categorical:
        return []
    words = [f"words_{index}" for index in range(len(contract.categorical))]
    nodes = [helper.make_node("Split", [CATEGORICAL_INPUT], words, "split_words", axis=1, num_outputs=len(words))]
    columns = []
    for index, feature in enumerate(contract.categorical):
        column = f"codes_{index}"
        nodes.append(
            helper.make_node(
                "LabelEncoder",
                [words[index]],
                [column],
                f"look_up_{index}",
                domain=ML_DOMAIN,
                keys_strings=list(feature.vocabulary),
                values_int64s=list(range(1, len(feature.vocabulary) + 1)),
                default_int64=0,
            )
        )
        columns.append(column)
    nodes.append(helper.make_node("Concat", columns, ["codes_int64"], "join_codes", axis=1))
    nodes.append(helper.make_node("Cast", ["codes_int64"], [CODES], "cast_codes", to=TensorProto.INT32))
    return nodes


def _inputs(contract: ModelContract) -> list[Any]:
    inputs = []
    if contract.numeric:
        inputs.append(helper.make_tensor_value_info(NUMERIC_INPUT, TensorProto.FLOAT, [BATCH, len(contract.numeric)]))
    if contract.categorical:
        shape: list[str | int | None] = [BATCH, len(contract.categorical)]
        inputs.append(helper.make_tensor_value_info(CATEGORICAL_INPUT, TensorProto.STRING, shape))
    return inputs


def _outputs(contract: ModelContract, core: onnx.GraphProto) -> list[Any]:
    """The outputs of the task, each with its shape."""
    widths = {PROBABILITIES_OUTPUT: [len(contract.labels)], DEVIATIONS_OUTPUT: [len(contract.numeric)]}
    found = {output.name for output in core.output}
    names = [*contract.outputs, *([DEVIATIONS_OUTPUT] if DEVIATIONS_OUTPUT in found else [])]
    return [helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *widths.get(name, [])]) for name in names]
