"""The guard reads an ONNX file exactly like ONNX Runtime, or refuses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import onnx_ml_pb2

from benchmarks.artifact.guard_fuzz import MARK, OUTSIDE, Piece, base_models, lists_of, looks_outside, parse, write
from common.settings.shared import DEFAULT_MODEL
from contract.onnx import reader
from contract.onnx.reader import LENGTH, VARINT, ExternalDataError, NotOnnxError, UnplainOnnxError, inspect
from contract.onnx.schema import MESSAGES
from contract.onnx.session import closed

KINDS = {
    1: "double",
    2: "float",
    3: "int64",
    4: "int64",
    5: "int32",
    9: "text",
    11: "message",
    12: "bytes",
    14: "int32",
}
"""Types of a descriptor of Protocol Buffers."""
INSIDE, WITH_LENGTH = -1, 1
"""Indices of the base models: the one without an external file, and one with such a file."""


def _messages(descriptor: Any) -> Iterator[Any]:
    yield descriptor
    for nested in descriptor.nested_types:
        yield from _messages(nested)


def test_the_table_of_fields_is_that_of_onnx() -> None:
    """Field by field, as in the `onnx` package: a field that is not in the table is refused."""
    theirs = {
        message.full_name.removeprefix("onnx."): {
            field.number: (
                field.name,
                KINDS[field.type],
                field.is_repeated,
                field.message_type.full_name.removeprefix("onnx.") if field.message_type else "",
            )
            for field in message.fields
        }
        for top in onnx_ml_pb2.DESCRIPTOR.message_types_by_name.values()
        for message in _messages(top)
    }
    ours = {
        name: {number: (field.name, field.kind, field.repeated, field.message) for number, field in fields.items()}
        for name, fields in MESSAGES.items()
    }
    assert ours == theirs


def test_the_summary_describes_the_file() -> None:
    model = onnx.load(DEFAULT_MODEL)
    summary = inspect(DEFAULT_MODEL.read_bytes())
    assert summary.ir_version == model.ir_version
    assert summary.opsets == {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    assert summary.metadata == {entry.key: entry.value for entry in model.metadata_props}


@pytest.mark.parametrize("number", range(7))
def test_external_data_is_found_wherever_a_tensor_may_be(number: int) -> None:
    """Initializers, `Constant`, a branch of `If`, a function, a sparse tensor, training information."""
    with pytest.raises(ExternalDataError):
        inspect(base_models()[number])


@pytest.fixture
def beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with the file that the models name."""
    (tmp_path / OUTSIDE).write_bytes(np.full(4, MARK, np.float32).tobytes())
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("beside_the_file")
@pytest.mark.parametrize("bit", [32, 33, 34])
def test_a_tag_of_more_than_32_bits_hides_no_external_data(bit: int) -> None:
    """ONNX Runtime drops the upper bits and reads the file; the guard refuses it, and so does a closed session by
    itself.
    """
    pieces = parse(base_models()[WITH_LENGTH], "ModelProto")
    for piece in (piece for some in lists_of(pieces) for piece in some):
        if piece.number in (13, 14) and piece.value != b"":
            piece.tag_extra = 1 << bit
    data = write(pieces)
    assert looks_outside(data), "ONNX Runtime no longer reads this file, so the test proves nothing"
    with pytest.raises(UnplainOnnxError):
        inspect(data)
    with pytest.raises(Exception, match="External data path does not exist"):
        _open_closed(data)


@pytest.mark.usefixtures("beside_the_file")
@pytest.mark.parametrize("number", [0, 2, 4])
def test_a_closed_session_finds_no_file(number: int) -> None:
    """The second protection: a model that passes the guard still reaches no file in any folder."""
    data = base_models()[number]
    assert looks_outside(data)
    with pytest.raises(Exception, match="External data path does not exist"):
        _open_closed(data)


def _open_closed(data: bytes) -> None:
    options = closed(onnxruntime.SessionOptions())
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"], enable_fallback=False)


def test_a_closed_session_reads_onnx_only(tmp_path: Path) -> None:
    """Four bytes of a file select ONNX Runtime's own format, which the guard does not read."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(base_models()[INSIDE], options, providers=["CPUExecutionProvider"])
    data = (tmp_path / "model.ort").read_bytes()
    onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    with pytest.raises(Exception, match="protobuf parsing failed"):
        _open_closed(data)
    with pytest.raises(NotOnnxError, match="own format"):
        inspect(data)


def _graph(pieces: list[Piece]) -> Piece:
    return next(piece for piece in pieces if piece.number == 7)


def _graph_in_two_parts(pieces: list[Piece]) -> None:
    graph = _graph(pieces)
    assert isinstance(graph.value, list)
    pieces.append(Piece(7, LENGTH, graph.value[2:]))
    graph.value = graph.value[:2]


def _tensor(pieces: list[Piece]) -> list[Piece]:
    graph = _graph(pieces).value
    assert isinstance(graph, list)
    tensor = next(piece for piece in graph if piece.number == 5).value
    assert isinstance(tensor, list)
    return tensor


def _long_tag(pieces: list[Piece]) -> None:
    _graph(pieces).pad["tag"] = 1


def _long_length(pieces: list[Piece]) -> None:
    _graph(pieces).pad["size"] = 1


def _long_value(pieces: list[Piece]) -> None:
    pieces[0].pad["value"] = 1


def _number_zero(pieces: list[Piece]) -> None:
    pieces.append(Piece(0, VARINT, 1))


def _group(pieces: list[Piece]) -> None:
    pieces += [Piece(99, 3, b""), Piece(99, 4, b"")]


def _wire_type_six(pieces: list[Piece]) -> None:
    pieces.append(Piece(14, 6, b""))


def _length_past_the_end(pieces: list[Piece]) -> None:
    pieces.append(Piece(6, VARINT, 0))
    pieces[-1].wire, pieces[-1].value = LENGTH, b""
    pieces[-1].pad["size"] = 0
    pieces.append(Piece(14, LENGTH, b"\x0a\x7fa"))


def _unknown_field(pieces: list[Piece]) -> None:
    _tensor(pieces).append(Piece(15, VARINT, 1))


def _text_that_is_no_text(pieces: list[Piece]) -> None:
    pieces.append(Piece(6, LENGTH, b"\xff"))


def _other_kind_of_value(pieces: list[Piece]) -> None:
    _tensor(pieces).append(Piece(14, LENGTH, b"\x01"))


def _number_of_more_than_32_bits(pieces: list[Piece]) -> None:
    _tensor(pieces).append(Piece(14, VARINT, 2**32 + 1))


def _metadata_twice(pieces: list[Piece]) -> None:
    pieces.append(next(piece for piece in pieces if piece.number == 14))


TRICKS: list[tuple[Callable[[list[Piece]], None], str]] = [
    (_graph_in_two_parts, "ModelProto holds `graph` twice"),
    (_long_tag, "more bytes than the number needs"),
    (_long_length, "more bytes than the number needs"),
    (_long_value, "more bytes than the number needs"),
    (_number_zero, "a field of the number 0"),
    (_group, "the wire type 3"),
    (_wire_type_six, "the wire type 6"),
    (_length_past_the_end, "cut short"),
    (_unknown_field, "TensorProto holds a field 15, which ONNX does not have"),
    (_text_that_is_no_text, "not UTF-8"),
    (_other_kind_of_value, "`data_location` as another kind of value"),
    (_number_of_more_than_32_bits, "`data_location` as a number of more than 32 bits"),
    (_metadata_twice, "'oversight.contract' twice"),
]


@pytest.mark.parametrize(("trick", "said"), TRICKS, ids=[trick.__name__.strip("_") for trick, _ in TRICKS])
def test_an_unusual_encoding_is_refused(trick: Callable[[list[Piece]], None], said: str) -> None:
    """Some parsers accept these encodings, and each could hide a field from one of two readers."""
    pieces = parse(base_models()[INSIDE], "ModelProto")
    assert write(pieces) == base_models()[INSIDE]
    inspect(write(pieces))
    trick(pieces)
    with pytest.raises(NotOnnxError, match=said):
        inspect(write(pieces))


def test_a_model_marked_as_another_format_is_refused() -> None:
    """A plain model with `ORTM` in bytes five to eight: ONNX Runtime would read it as its own format."""
    data = b"\x12\x06ab" + b"ORTM" + base_models()[INSIDE]
    assert onnx.load_model_from_string(data).producer_name == "abORTM"
    with pytest.raises(UnplainOnnxError, match="own format"):
        inspect(data)


def test_messages_that_are_nested_too_deep_are_refused() -> None:
    """Without this limit they would overflow Python's stack."""
    data = b""
    for _ in range(400):  # graph > node > attribute > graph, from the inside out
        for number in (6, 5, 1):
            data = bytes([number << 3 | LENGTH]) + _size(data) + data
    with pytest.raises(UnplainOnnxError, match="deep"):
        inspect(b"\x3a" + _size(data) + data)


def test_a_model_of_too_many_fields_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would occupy the reader, which is the service's parent process, for minutes."""
    data = base_models()[INSIDE]
    monkeypatch.setattr(reader, "MAX_FIELDS", 10)
    with pytest.raises(UnplainOnnxError, match="more than 10 fields"):
        inspect(data)


def _size(data: bytes) -> bytes:
    return write([Piece(1, VARINT, len(data))])[1:]
