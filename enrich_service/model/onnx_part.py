"""Cut the part out of an ONNX graph that one output needs.

    nodes   a ─▶ b ─▶ c ─▶ probabilities         part_for("probabilities")   a ─▶ b ─▶ c
                 └──▶ d ─▶ novelty                                                (d is left out, and its weights)

ONNX Runtime computes every node of a graph, whichever outputs are requested. Reasons need one output of many rows, so
they run only its part. All bytes of the nodes and weights that stay are unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator

from contract.onnx.reader import LENGTH, MAX_DEPTH, NotOnnxError, fields, segments, text

MODEL_GRAPH = 7
"""Field number of the graph in a model."""
_NODE, _INITIALIZER, _OUTPUT, _VALUE_INFO, _SPARSE_INITIALIZER = 1, 5, 12, 13, 15
"""Field numbers of a graph; `value_info` only repeats shapes that ONNX Runtime infers."""
_NODE_INPUT, _NODE_OUTPUT, _NODE_ATTRIBUTE = 1, 2, 5
_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS = 6, 11
_TENSOR_NAME, _TENSOR_RAW_DATA, _VALUE_NAME = 8, 9, 1
_ONE_FLOAT = bytes([1 << 3, 1, 2 << 3, 1])
"""Start of a tensor: `dims` 1 and `data_type` FLOAT, as varints."""


def part_for(data: bytes, output: str, *, held_at_zero: str | None = None) -> bytes:
    """The model with one output, without the nodes that only the others need.

    Args:
        data: the model.
        output: the output.
        held_at_zero: a value that becomes a constant zero of shape (1,) and is not computed.
    Raises:
        NotOnnxError: the bytes are no ONNX model, or it has no such output.
    """
    model = bytearray()
    for number, value, raw in segments(memoryview(data)):
        if number == MODEL_GRAPH and isinstance(value, memoryview):
            model += _message(MODEL_GRAPH, _part_of_graph(value, output, held_at_zero))
        else:
            model += raw
    return bytes(model)


def _part_of_graph(graph: memoryview, output: str, held_at_zero: str | None) -> bytes:
    found = list(segments(graph))
    nodes = [(value, raw) for number, value, raw in found if number == _NODE and isinstance(value, memoryview)]
    needed, kept = {output}, []
    for node, raw in reversed(nodes):  # a node comes after those that it needs
        gives = _names(node, _NODE_OUTPUT)
        if held_at_zero not in gives and needed.intersection(gives):
            needed.update(_used(node, MAX_DEPTH))
            kept.append(raw)
    if not kept:
        raise NotOnnxError(f"no node of its graph gives {output!r}")
    part = bytearray(b"".join(reversed(kept)))
    for number, value, raw in found:
        if number in (_NODE, _VALUE_INFO):
            continue
        if isinstance(value, memoryview):
            if number == _OUTPUT and output not in _names(value, _VALUE_NAME):
                continue
            if number == _INITIALIZER and not needed.intersection(_names(value, _TENSOR_NAME)):
                continue
        part += raw
    if held_at_zero in needed:
        part += _message(_INITIALIZER, _zero(held_at_zero))
    return bytes(part)


def _zero(name: str) -> bytes:
    """A tensor of one float32 zero."""
    return _ONE_FLOAT + _message(_TENSOR_NAME, name.encode()) + _message(_TENSOR_RAW_DATA, bytes(4))


def _used(node: memoryview, depth: int) -> Iterator[str]:
    """Names that a node reads; graphs in its attributes may read values of the outer graph too."""
    if depth == 0:
        raise NotOnnxError(f"its graphs are nested more than {MAX_DEPTH} deep")
    yield from _names(node, _NODE_INPUT)
    for number, attribute in fields(node):
        if number != _NODE_ATTRIBUTE or not isinstance(attribute, memoryview):
            continue
        for kind, graph in fields(attribute):
            if kind in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS) and isinstance(graph, memoryview):
                for place, value in fields(graph):
                    if place == _NODE and isinstance(value, memoryview):
                        yield from _used(value, depth - 1)
                    elif place == _OUTPUT and isinstance(value, memoryview):
                        yield from _names(value, _VALUE_NAME)


def _names(message: memoryview, field: int) -> list[str]:
    return [text(value) for number, value in fields(message) if number == field]


def _message(number: int, content: bytes) -> bytes:
    return _number(number << 3 | LENGTH) + _number(len(content)) + content


def _number(value: int) -> bytes:
    """A number with 7 bits in each byte, the lowest first; every byte except the last has its highest bit set."""
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)
