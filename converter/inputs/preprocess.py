"""A preprocessing that someone exported to ONNX, such as scikit-learn's encoders and scalers with skl2onnx.

    features ─▶ pre.onnx ─▶ the Keras model's inputs

It is merged with the model into one graph. The rows of the check run through the file as it is, then through Keras.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import compose, helper, version_converter

from contract.errors import ConversionError, InputError
from contract.onnx.session import closed, first_line
from converter.inputs.port import Port, Shape, ports_of
from converter.onnx_graph import ML_DOMAIN, ML_OPSET, OPSET, foreign_operators, nodes_of
from converter.onnx_run import CANNOT_RUN

PREFIX = "pre_"
RECIPE = f"export it with skl2onnx.to_onnx(..., target_opset={{'': {OPSET}, 'ai.onnx.ml': {ML_OPSET}}})"


@dataclass(frozen=True)
class Preprocess:
    """A graph from features to the inputs of a model."""

    path: Path
    graph: onnx.GraphProto
    """Names begin with `PREFIX`; the operator set is that of the artifact."""
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    _session: onnxruntime.InferenceSession
    taken: list[tuple[int, str]]
    """For each input of the model: the place of the output that it takes, and its type. Set by `check_outputs`."""

    def check_outputs(self, ports: Sequence[Port]) -> None:
        """Match the outputs with the inputs of the model.

        Raises:
            ConversionError: they do not fit; names both.
        """
        names = [port.name for port in self.outputs]
        if len(ports) == len(names) == 1:
            places = [0]
        elif all(port.name in names for port in ports):
            places = [names.index(port.name) for port in ports]
        else:
            raise ConversionError(
                f"{self.path} has the outputs {', '.join(names)}, and the model the inputs "
                f"{', '.join(port.name for port in ports)}; give each output the name of the input that takes it"
            )
        self.taken[:] = [(place, port.dtype) for port, place in zip(ports, places, strict=True)]
        for port, place in zip(ports, places, strict=True):
            found = self.outputs[place]
            if len(found.shape) != len(port.shape) or not _fits(found.shape, port.shape):
                raise ConversionError(
                    f"{self.path}: output {found} does not fit the model's input {port}; use the preprocessing of the "
                    f"model's training"
                )

    def run(self, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """The arrays for the inputs of the model, in its order."""
        feed = {item.name: array for item, array in zip(self._session.get_inputs(), arrays, strict=True)}
        try:
            answers = self._session.run(None, feed)
        except CANNOT_RUN as error:
            raise ConversionError(
                f"{self.path} fails on these rows ({first_line(error)}); a document can hold a word that the training "
                f"lacked, so train encoders with handle_unknown='ignore'"
            ) from None
        return [np.asarray(answers[place]).astype(_numpy(dtype)) for place, dtype in self.taken]

    def connected(self, tensors: Sequence[str]) -> tuple[list[onnx.NodeProto], list[str]]:
        """The nodes with their inputs connected to these tensors, and the tensor for each input of the model."""
        given = {item.name: tensor for item, tensor in zip(self.graph.input, tensors, strict=True)}
        graph = onnx.GraphProto()
        graph.CopyFrom(self.graph)
        for node in nodes_of(graph):
            node.input[:] = [given.get(name, name) for name in node.input]
        nodes, found = list(graph.node), []
        for place, dtype in self.taken:
            name = graph.output[place].name
            if dtype != self.outputs[place].dtype:
                wanted = helper.np_dtype_to_tensor_dtype(np.dtype(_numpy(dtype)))
                nodes.append(helper.make_node("Cast", [name], [f"{name}_{dtype}"], to=wanted))
                name = f"{name}_{dtype}"
            found.append(name)
        return nodes, found


def _numpy(dtype: str) -> Any:
    return object if dtype == "string" else dtype


def _fits(found: Shape, wanted: Shape) -> bool:
    return all(a is None or b is None or a == b for a, b in zip(found[1:], wanted[1:], strict=True))


def read_preprocess(path: Path) -> Preprocess:
    """Read the file and bring it to the artifact's operator set.

    Raises:
        InputError: the file cannot be read.
        ConversionError: it is no ONNX graph that can be merged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot read {path} ({error.strerror or error}); name an ONNX file with --preprocess"
        ) from None
    model = _parsed(content, path)
    _refuse(model, path)
    try:
        session = onnxruntime.InferenceSession(content, _options(), providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's exceptions have no common base class
        raise ConversionError(f"{path}: ONNX Runtime cannot load it ({first_line(error)}); {RECIPE}") from None
    graph = _of_opset(model, path).graph
    renamed = compose.add_prefix_graph(graph, PREFIX)
    return Preprocess(path, renamed, *_ports(graph, path), session, [])


def _options() -> onnxruntime.SessionOptions:
    options: onnxruntime.SessionOptions = closed(onnxruntime.SessionOptions())
    options.log_severity_level = 4  # its errors come as exceptions
    return options


def _parsed(content: bytes, path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(content)
        onnx.checker.check_model(model)
    except Exception as error:  # noqa: BLE001 - protobuf's exceptions are several too
        raise ConversionError(f"{path} is not an ONNX model ({_short(error)}); {RECIPE}") from None
    return model


def _refuse(model: onnx.ModelProto, path: Path) -> None:
    foreign = foreign_operators(model.graph)
    if foreign or model.functions:
        raise ConversionError(
            f"{path} uses operators that are not part of standard ONNX ({', '.join(foreign) or 'functions'}); {RECIPE}"
        )
    if any(tensor.external_data for tensor in model.graph.initializer):
        raise ConversionError(f"{path} keeps its weights in another file; save it as one file")
    if any(item.domain == ML_DOMAIN and item.version > ML_OPSET for item in model.opset_import):
        raise ConversionError(f"{path} uses newer operators than the artifact; {RECIPE}")


def _of_opset(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    version = next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), OPSET)
    if version == OPSET:
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except RuntimeError as error:
        raise ConversionError(f"{path} has operator set {version} ({_short(error)}); {RECIPE}") from None


def _short(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]


def _ports(graph: onnx.GraphProto, path: Path) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    try:
        return ports_of(graph.input), ports_of(graph.output)
    except ConversionError as error:
        raise ConversionError(f"{path}: {error}") from None
