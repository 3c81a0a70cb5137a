"""Read an ONNX file before ONNX Runtime does, and refuse a file that the two could read differently.

    bytes ──▶ every field of every message: known? written in the plain form? single fields at most once?
                  ├─ no ──▶ NotOnnxError, UnplainOnnxError
                  ├─ a tensor with its data in another file ──▶ ExternalDataError
                  └─ yes ─▶ Summary: metadata, IR version, operator sets

The file is Protocol Buffers: a sequence of (field number, value), where a value can be such a sequence again. Parsers
of Protocol Buffers accept much more than any program writes: tags with bits that are cut off, numbers with extra bytes,
a message in two parts that they merge, groups, unknown fields. A check that skips a field which ONNX Runtime reads is
useless. So this reader accepts only the form that `SerializeToString` writes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from contract.onnx.schema import MESSAGES, Field

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Wire types of Protocol Buffers; 3 and 4 are groups, which ONNX does not use."""

WIRE = {
    "int32": VARINT,
    "int64": VARINT,
    "float": FIXED32,
    "double": FIXED64,
    "text": LENGTH,
    "bytes": LENGTH,
    "message": LENGTH,
}

MAX_DEPTH = 90
"""Largest depth of nested messages. Parsers of Protocol Buffers stop at 100; real models have about ten."""

MAX_FIELDS = 5_000_000
"""Largest number of fields in all messages, which take some seconds to read; the shipped models have 1,200."""

MAX_MODEL_BYTES = 512 * 1024 * 1024
"""Largest file that is read. Every process that serves it keeps it in memory; a tabular model has a few megabytes."""

MAX_METADATA_BYTES = 16 * 1024 * 1024
"""Largest size of all `metadata_props`; a contract may have half of it."""

_INT32_MAX, _INT32_NEGATIVE = 2**31 - 1, 2**64 - 2**31
"""Limits of a 32-bit number; a negative one is written with 64 bits. Parsers drop the upper bits of others."""

_GRAPH = 7
"""Field number of the graph in a model."""

_ORT_MAGIC = slice(4, 8)
"""Where ONNX Runtime's own format has `ORTM`. These bytes alone make the runtime choose that format."""


class NotOnnxError(ValueError):
    """The bytes are no ONNX model."""


class UnplainOnnxError(NotOnnxError):
    """The bytes can be read as an ONNX model, but ONNX Runtime might read another model from them."""


class ExternalDataError(NotOnnxError):
    """A tensor has its data in another file."""


@dataclass(slots=True)
class Summary:
    """The facts that an ONNX file states about itself."""

    metadata: dict[str, str] = field(default_factory=dict)
    """The model's `metadata_props`."""
    ir_version: int = 0
    opsets: dict[str, int] = field(default_factory=dict)
    """Version of each domain of operators; `ai.onnx` is the standard one."""


def inspect(data: bytes) -> Summary:
    """Read and check a whole model.

    Raises:
        NotOnnxError: the bytes are no ONNX model.
        UnplainOnnxError: they are not in the plain form.
        ExternalDataError: a tensor has its data in another file.
    """
    if data[_ORT_MAGIC] == b"ORTM":
        raise UnplainOnnxError("it is marked as ONNX Runtime's own format")
    view = memoryview(data)
    try:
        _check(view, "ModelProto", 0, itertools.count(1))
    except UnplainOnnxError as error:
        if not _has_graph(view):
            raise NotOnnxError(str(error)) from None
        raise
    return _summary(view)


def _has_graph(data: memoryview) -> bool:
    """Whether the bytes are a model at all, in any form."""
    try:
        first_segments = itertools.islice(segments(data), MAX_FIELDS)
        return any(number == _GRAPH and isinstance(value, memoryview) for number, value, _ in first_segments)
    except NotOnnxError:
        return False


def _summary(data: memoryview) -> Summary:
    summary, has_graph, size = Summary(), False, 0
    for number, value, _ in segments(data):
        match MESSAGES["ModelProto"][number].name, value:
            case "graph", _:
                has_graph = True
            case "ir_version", int(version):
                summary.ir_version = version
            case "metadata_props", memoryview() as entry:
                size += len(entry)
                if size > MAX_METADATA_BYTES:
                    raise UnplainOnnxError(f"its metadata has more than {MAX_METADATA_BYTES:,} bytes")
                parts = dict(fields(entry))
                key = text(parts.get(1))
                if key in summary.metadata:
                    raise UnplainOnnxError(f"its metadata holds {key[:60]!r} twice")
                summary.metadata[key] = text(parts.get(2))
            case "opset_import", memoryview() as entry:
                parts = dict(fields(entry))
                version_number = parts.get(2)
                summary.opsets[text(parts.get(1)) or "ai.onnx"] = (
                    version_number if isinstance(version_number, int) else 0
                )
            case _:
                pass
    if not has_graph:
        raise NotOnnxError("it holds no graph")
    return summary


def _check(data: memoryview, message: str, depth: int, count: Iterator[int]) -> None:
    """Check that a message and all inside is in the plain form and names no other file; `count` counts fields."""
    if depth > MAX_DEPTH:
        raise UnplainOnnxError(f"its messages are nested more than {MAX_DEPTH} deep")
    known, seen = MESSAGES[message], set[int]()
    for number, value, raw in segments(data):
        if next(count) > MAX_FIELDS:
            raise UnplainOnnxError(f"it has more than {MAX_FIELDS:,} fields")
        field_type = known.get(number)
        if field_type is None:
            raise UnplainOnnxError(f"{message} holds a field {number}, which ONNX does not have")
        if not field_type.repeated:
            if number in seen:
                raise UnplainOnnxError(f"{message} holds `{field_type.name}` twice")
            seen.add(number)
        _check_value(message, field_type, value, raw)
        if field_type.message:
            assert isinstance(value, memoryview)  # noqa: S101  `_check_value` has checked its wire type
            _check(value, field_type.message, depth + 1, count)


def _check_value(message: str, found: Field, value: int | memoryview | None, raw: memoryview) -> None:
    wire = raw[0] & 7
    packed = wire == LENGTH and found.repeated and found.kind not in ("text", "bytes", "message")
    if wire != WIRE[found.kind] and not packed:
        raise UnplainOnnxError(f"{message} holds `{found.name}` as another kind of value")
    if found.kind == "text":
        text(value)
    if found.kind == "int32" and isinstance(value, int) and _INT32_MAX < value < _INT32_NEGATIVE:
        raise UnplainOnnxError(f"{message} holds `{found.name}` as a number of more than 32 bits")
    if message == "TensorProto" and (found.name == "external_data" or (found.name == "data_location" and value != 0)):
        raise ExternalDataError("a tensor of it has its data in another file")


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Every (field number, value) of one message; leaves out numbers of fixed width.

    Raises:
        NotOnnxError: the bytes are no plain message of Protocol Buffers.
    """
    for number, value, _ in segments(data):
        if value is not None:
            yield number, value


def segments(data: memoryview) -> Iterator[tuple[int, int | memoryview | None, memoryview]]:
    """As `fields`, each with the bytes that it was read from; the value of a number of fixed width is None."""
    at, end = 0, len(data)
    while at < end:
        begin = at
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if key >= 2**32:
            raise UnplainOnnxError("it has a tag of more than 32 bits")
        if number == 0:
            raise NotOnnxError("it has a field of the number 0")
        value: int | memoryview | None = None
        if wire == VARINT:
            value, at = _varint(data, at)
        elif wire == LENGTH:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        elif wire in (FIXED64, FIXED32):
            at += 8 if wire == FIXED64 else 4
        else:
            raise UnplainOnnxError(f"it has a field of the wire type {wire}")
        if at > end:
            raise NotOnnxError("it is cut short")
        yield number, value, data[begin:at]


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number with 7 bits in each byte and at most 64 bits, and the place where it ends."""
    if at < len(data) and data[at] < 0x80:
        return data[at], at + 1
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise NotOnnxError("it is cut short")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 or value >= 2**64:
                raise UnplainOnnxError("it has a number with more bytes than the number needs")
            return value, at
    raise NotOnnxError("it has a number of more than 64 bits")


def text(value: int | memoryview | bytes | None) -> str:
    """A value as text.

    Raises:
        NotOnnxError: it is not UTF-8.
    """
    try:
        return str(value, "utf-8") if isinstance(value, memoryview | bytes) else ""
    except UnicodeDecodeError:
        raise NotOnnxError("it has text that is not UTF-8") from None
