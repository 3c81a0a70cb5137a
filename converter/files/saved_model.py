"""Load a SavedModel of TensorFlow whose every operation only computes.

    saved_model.pb ─▶ each operation of each function in the list of pure ones? ─▶ tf.saved_model.load ─▶ signature

Loading runs functions of the file (its tables fill themselves) and converting calls one, so the file is read as data
first. A SavedModel can write files: an operation such as `WriteFile` in it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from contract.artifact.contract import PROBABILITIES_OUTPUT
from contract.errors import ConversionError, InputError
from converter.export.outputs import Head
from converter.export.tensor_model import TensorModel, Tensors
from converter.files.pure_operations import PURE
from converter.inputs.port import Port

FILE = "saved_model.pb"
SIGNATURES = ("serving_default", "serve")
_PASSING = ("Identity", "Cast", "Reshape", "Squeeze")
TEXT_FILE = "InitializeTableFromTextFileV2"


def load(folder: Path) -> TensorModel:
    """Load the signature `serving_default`, with its inputs and outputs by name.

    Raises:
        InputError: the folder cannot be read.
        ConversionError: it is not a SavedModel of TensorFlow 2, or one of its operations does more than compute.
    """
    refuse_operations(folder)
    try:
        loaded = tf.saved_model.load(str(folder))
    except Exception as error:  # noqa: BLE001 - of a damaged checkpoint TensorFlow raises errors of every class
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise ConversionError(f"{folder} cannot be loaded ({reason}); export the model again") from None
    name = next((name for name in SIGNATURES if name in loaded.signatures), None)
    if name is None:
        raise ConversionError(
            f"{folder} has no signature serving_default, only {', '.join(sorted(loaded.signatures)) or 'none'}; export "
            f"the model with model.export()"
        )
    return _of_signature(loaded, name, folder)


def refuse_operations(folder: Path) -> None:
    """Read `saved_model.pb` as data and refuse it unless all operations that can run are pure.

    Raises:
        InputError: the folder cannot be read.
        ConversionError: names the operations.
    """
    try:
        content = (folder / FILE).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{folder} is a folder without {FILE}; name a model file, or the folder that has it") from None
    except OSError as error:
        raise InputError(f"cannot read {folder / FILE} ({error.strerror or error}); name another folder") from None
    try:
        graphs = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    except DecodeError:
        raise ConversionError(f"{folder / FILE} is damaged; export the model again") from None
    if len(graphs) != 1 or not graphs[0].object_graph_def.nodes:
        raise ConversionError(f"{folder} is a SavedModel of TensorFlow 1; load it there and save it with Keras")
    impure = sorted(set(_operations(graphs[0])) - PURE)
    if not impure:
        return
    if TEXT_FILE in impure:
        raise ConversionError(
            f"{folder} has a look-up table that reads a text file; give the layer its vocabulary as a list, and export "
            f"the model again"
        )
    raise ConversionError(
        f"{folder} has operations that may do more than compute: {', '.join(impure[:10])}; it was not loaded. Save the "
        f"model as a .keras file or with model.export(), or remove the layers that use them"
    )


def _operations(graph: Any) -> Iterator[str]:
    """The operations of every function that loading or calling can run.

    The outer graph is left out: TensorFlow 2 does not run it, and it only holds the saver, which writes checkpoints.
    """
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    waiting = list(_roots(graph.object_graph_def))
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in functions:
            yield f"an unknown function {name!r}"
            continue
        for node in functions[name].node_def:
            if node.op in functions:
                waiting.append(node.op)
            else:
                yield node.op
            waiting += _called(node.attr.values())


def _roots(objects: Any) -> Iterator[str]:
    for node in objects.nodes:
        kind = node.WhichOneof("kind")
        if kind == "function":
            yield from node.function.concrete_functions
        elif kind == "bare_concrete_function":
            yield node.bare_concrete_function.concrete_function_name
    yield from objects.concrete_functions


def _called(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if value.HasField("func"):
            yield value.func.name
            yield from _called(value.func.attr.values())
        yield from (function.name for function in value.list.func)


def _of_signature(keeper: Any, name: str, folder: Path) -> TensorModel:
    """One signature as a model. `keeper` is the loaded object, which must live as long as its tables are used."""
    function = keeper.signatures[name]
    specs = dict(sorted(function.structured_input_signature[1].items()))  # TensorFlow's order differs between loads
    outputs = sorted(function.structured_outputs)
    unknown = [name for name, spec in specs.items() if spec.shape.rank is None]
    if unknown or not specs:
        raise ConversionError(
            f"{folder}: the inputs {', '.join(unknown) or '(none)'} have no shape; export the model with an input "
            f"signature"
        )

    def call(tensors: Tensors) -> tuple[Any, Any]:
        answer = keeper.signatures[name](**dict(zip(specs, tensors, strict=True)))
        return list(tensors), {output: answer[output] for output in outputs}

    return TensorModel(_ports(specs), _heads(function), call)


def _heads(function: Any) -> list[Head]:
    """The outputs, each with the operation that it ends in."""
    opened = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
    names = sorted(function.structured_outputs)  # in this order TensorFlow flattens a dictionary
    heads = []
    for name, tensor in zip(names, opened.outputs, strict=True):
        shape = tuple(function.structured_outputs[name].shape)
        heads.append(Head(PROBABILITIES_OUTPUT if len(names) == 1 else name, shape, _activation(tensor.op)))
    return heads


def _activation(operation: Any) -> str | None:
    while operation.type in _PASSING:
        operation = operation.inputs[0].op
    if operation.type in ("Softmax", "Sigmoid"):
        return str(operation.type).lower()
    if operation.type in ("Add", "AddV2", "BiasAdd"):
        operation = operation.inputs[0].op
    return "linear" if operation.type == "MatMul" else None


def _ports(specs: Any) -> tuple[Port, ...]:
    return tuple(Port(name, spec.dtype.name, tuple(spec.shape)) for name, spec in specs.items())
