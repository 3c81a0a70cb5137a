"""Reading an ONNX file as far as is needed before ONNX Runtime sees it: metadata, operator sets, external data.

    ModelProto ─┬─ metadata_props ──▶ {"oversight.contract": "..."}
                ├─ opset_import ────▶ domains
                └─ graph, functions ─▶ any tensor whose data stands in another file?

The file is Protocol Buffers: a sequence of (field number, value), where a value may hold such a sequence again. The
numbers are those of `onnx.proto3`. ONNX Runtime would open the other files that a model names, so that is found here.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Wire types of Protocol Buffers."""

MAX_DEPTH = 64
"""Graphs within graphs; the models that people make have two or three."""

MODEL_GRAPH, _MODEL_OPSET, _MODEL_METADATA, _MODEL_TRAINING, _MODEL_FUNCTIONS = 7, 8, 14, 20, 25
_TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION = 13, 14
_EXTERNAL = 1

_CHILDREN: dict[str, dict[int, str]] = {
    "model": {MODEL_GRAPH: "graph", _MODEL_TRAINING: "training", _MODEL_FUNCTIONS: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Message: field number -> the message that stands there, for every way that leads to a tensor."""


class NotOnnxError(ValueError):
    """The bytes are no ONNX model."""


def metadata(data: bytes) -> dict[str, str]:
    """The model's `metadata_props`.

    Raises:
        NotOnnxError: the bytes are no ONNX model.
    """
    found: dict[str, str] = {}
    has_graph = False
    for number, value in fields(memoryview(data)):
        has_graph = has_graph or (number == MODEL_GRAPH and isinstance(value, memoryview))
        if number == _MODEL_METADATA and isinstance(value, memoryview):
            entry = dict(fields(value))
            found[text(entry.get(1, b""))] = text(entry.get(2, b""))
    if not has_graph:
        raise NotOnnxError("it holds no graph")
    return found


def has_external_data(data: bytes) -> bool:
    """Whether any tensor of the model keeps its data in another file.

    Raises:
        NotOnnxError: the bytes are no ONNX model.
    """
    return _external(memoryview(data), "model", MAX_DEPTH)


def _external(data: memoryview, message: str, depth: int) -> bool:
    if depth == 0:
        raise NotOnnxError(f"its graphs stand more than {MAX_DEPTH} deep in each other")
    children = _CHILDREN[message]
    for number, value in fields(data):
        if message == "tensor":
            if number == _TENSOR_EXTERNAL_DATA or (number == _TENSOR_DATA_LOCATION and value == _EXTERNAL):
                return True
        elif number in children and isinstance(value, memoryview) and _external(value, children[number], depth - 1):
            return True
    return False


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Every (field number, value) of one message; numbers of fixed width are skipped, nothing here needs them.

    Raises:
        NotOnnxError: the bytes are no message of Protocol Buffers.
    """
    for number, value, _ in segments(data):
        if value is not None:
            yield number, value


def segments(data: memoryview) -> Iterator[tuple[int, int | memoryview | None, memoryview]]:
    """As `fields`, each with the bytes that it is written in; the value of a number of fixed width is None."""
    at, end = 0, len(data)
    while at < end:
        begin = at
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        value: int | memoryview | None = None
        if wire == VARINT:
            value, at = _varint(data, at)
        elif wire == LENGTH:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        elif wire in (FIXED64, FIXED32):
            at += 8 if wire == FIXED64 else 4
        else:
            raise NotOnnxError("it is not in the format of Protocol Buffers")
        if at > end:
            raise NotOnnxError("it is cut short")
        yield number, value, data[begin:at]


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number of 7 bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise NotOnnxError("it is cut short")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise NotOnnxError("it is not in the format of Protocol Buffers")


def text(value: int | memoryview | bytes) -> str:
    """A value as text.

    Raises:
        NotOnnxError: it is no UTF-8.
    """
    try:
        return str(value, "utf-8") if not isinstance(value, int) else ""
    except UnicodeDecodeError:
        raise NotOnnxError("its metadata is not UTF-8") from None
