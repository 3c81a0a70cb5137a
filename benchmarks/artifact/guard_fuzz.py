"""Attack the guard that rejects models with external data: write such models in every way that a parser may accept.

a model with its weights in `outside.bin` ─▶ changed at random ─▶ the guard (contract.onnx.reader)
                                                               ├─ accepts ─▶ ONNX Runtime must not read the file, and
                                                               │             Protocol Buffers must see the same
                                                               └─ rejects ─▶ counted; also if ONNX Runtime reads it

ONNX Runtime runs in child processes, because a damaged model may crash it. The models name only a file that this
program writes into its own temporary folder.

    python -m benchmarks.artifact.guard_fuzz --seconds 600 --seed 1
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contract.onnx.reader import LENGTH, VARINT, ExternalDataError, NotOnnxError, inspect, segments
from contract.onnx.schema import MESSAGES

OUTSIDE = "outside.bin"
MARK = 4242.0
"""Each weight in the external file; an output that contains it was computed from that file."""
BATCH = 400
"""Changed models in each child process."""


@dataclass(slots=True)
class Piece:
    """One field of a message; its other fields say how to write it."""

    number: int
    wire: int
    value: int | bytes | list[Piece]
    raw: bytes = b""
    """For a number of fixed width: its bytes after the tag."""
    tag_extra: int = 0
    pad: dict[str, int] = field(default_factory=dict)
    """Number of padding bytes in `tag`, `size` and `value`."""


def varint(value: int, pad: int = 0) -> bytes:
    """Encode a number as a varint, with `pad` more bytes than it needs."""
    digits = []
    while True:
        digits.append(value & 0x7F)
        value >>= 7
        if not value:
            break
    digits += [0] * pad
    return bytes([digit | 0x80 for digit in digits[:-1]] + digits[-1:])


def parse(data: bytes, message: str) -> list[Piece]:
    """Parse a plain message into pieces."""
    pieces = []
    for number, value, raw in segments(memoryview(data)):
        known = MESSAGES[message][number]
        if isinstance(value, memoryview):
            content: Any = parse(bytes(value), known.message) if known.message else bytes(value)
            pieces.append(Piece(number, LENGTH, content))
        elif value is None:
            pieces.append(Piece(number, raw[0] & 7, b"", raw=bytes(raw[1:])))
        else:
            pieces.append(Piece(number, VARINT, value))
    return pieces


def write(pieces: list[Piece]) -> bytes:
    """Encode pieces as bytes."""
    out = bytearray()
    for piece in pieces:
        out += varint(piece.number << 3 | piece.wire | piece.tag_extra, piece.pad.get("tag", 0))
        if piece.raw or piece.wire in (1, 5):
            out += piece.raw
        elif isinstance(piece.value, int):
            out += varint(piece.value, piece.pad.get("value", 0))
        elif piece.wire not in (3, 4):
            content = piece.value if isinstance(piece.value, bytes) else write(piece.value)
            out += varint(len(content), piece.pad.get("size", 0)) + content
    return bytes(out)


def lists_of(pieces: list[Piece]) -> list[list[Piece]]:
    """Every list of pieces in a tree."""
    found = [pieces]
    for piece in pieces:
        if isinstance(piece.value, list):
            found += lists_of(piece.value)
    return found


Change = Callable[[list[Piece], int, random.Random], None]


def _tag_bits(pieces: list[Piece], at: int, draw: random.Random) -> None:
    pieces[at].tag_extra = 1 << draw.choice([32, 32, 33, 34, 34, 35, 40, 63])


def _tag_pad(pieces: list[Piece], at: int, draw: random.Random) -> None:
    pieces[at].pad["tag"] = draw.randint(1, 4)


def _size_pad(pieces: list[Piece], at: int, draw: random.Random) -> None:
    pieces[at].pad["size"] = draw.randint(1, 4)


def _value_bits(pieces: list[Piece], at: int, draw: random.Random) -> None:
    if isinstance(value := pieces[at].value, int):
        pieces[at].value = value | 1 << draw.choice([32, 35, 62])
        pieces[at].pad["value"] = draw.choice([0, 0, 1])


def _split(pieces: list[Piece], at: int, draw: random.Random) -> None:
    piece = pieces[at]
    if isinstance(piece.value, list) and len(piece.value) > 1:
        cut = draw.randrange(1, len(piece.value))
        pieces[at : at + 1] = [
            Piece(piece.number, LENGTH, piece.value[:cut]),
            Piece(piece.number, LENGTH, piece.value[cut:]),
        ]


def _twice(pieces: list[Piece], at: int, draw: random.Random) -> None:
    pieces.insert(draw.randrange(len(pieces) + 1), pieces[at])


def _moved(pieces: list[Piece], at: int, draw: random.Random) -> None:
    pieces.insert(draw.randrange(len(pieces)), pieces.pop(at))


def _dropped(pieces: list[Piece], at: int, _draw: random.Random) -> None:
    del pieces[at]


def _other_number(pieces: list[Piece], at: int, draw: random.Random) -> None:
    pieces[at].number = draw.choice([0, pieces[at].number + 1, 13, 14, 19, 27, 200, 2**28])


def _other_wire(pieces: list[Piece], at: int, draw: random.Random) -> None:
    pieces[at].wire = draw.randrange(8)


def _in_a_group(pieces: list[Piece], at: int, draw: random.Random) -> None:
    number = draw.choice([pieces[at].number, 13, 99])
    pieces.insert(at + 1, Piece(number, 4, b""))
    pieces.insert(at, Piece(number, 3, b""))


def _location_is_said_apart(pieces: list[Piece], at: int, draw: random.Random) -> None:
    pieces.insert(at, Piece(14, VARINT, draw.choice([0, 1, 2, 2**32, 2**32 + 1, 2**63 + 1])))


CHANGES: tuple[Change, ...] = (
    _tag_bits,
    _tag_bits,
    _tag_pad,
    _size_pad,
    _value_bits,
    _value_bits,
    _split,
    _twice,
    _moved,
    _dropped,
    _other_number,
    _other_wire,
    _in_a_group,
    _location_is_said_apart,
)


def mutant(bases: list[bytes], draw: random.Random) -> bytes:
    """A model, changed in one to four places."""
    pieces = parse(draw.choice(bases), "ModelProto")
    for _ in range(draw.choice([1, 1, 2, 3, 4])):
        lists = [some for some in lists_of(pieces) if some]
        chosen = draw.choice(lists)
        draw.choice(CHANGES)(chosen, draw.randrange(len(chosen)), draw)
    data = bytearray(write(pieces))
    if draw.random() < 0.1 and data:
        data[draw.randrange(len(data))] = draw.randrange(256)
    return bytes(data)


def _outside(name: str, **entries: str) -> TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": OUTSIDE, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def _model(nodes: list[Any], initializers: list[TensorProto], **more: Any) -> bytes:
    shape: list[str | int | None] = ["n", 4]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        initializers,
        sparse_initializer=more.pop("sparse", []),
    )
    trainings = more.pop("training", [])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9, **more)
    model.training_info.extend(trainings)
    helper.set_model_props(model, {"oversight.contract": "{}", "note": "none"})
    return bytes(model.SerializeToString())


def base_models() -> list[bytes]:
    """Models of the same sum: one for each place where a tensor can name an external file, and one without."""
    add, weights = helper.make_node("Add", ["x", "w"], ["y"]), _outside("w")
    constant = helper.make_node("Constant", [], ["w"], value=weights)
    branch = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["inner"])],
        "b",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [4])],
        [weights],
    )
    choice = helper.make_node("If", ["yes"], ["v"], then_branch=branch, else_branch=branch)
    yes = numpy_helper.from_array(np.array(True), "yes")
    function = helper.make_function("local", "Sum", ["x"], ["y"], [constant, add], [helper.make_opsetid("", 17)])
    inside = numpy_helper.from_array(np.ones(4, np.float32), "w")
    sparse = helper.make_sparse_tensor(_outside("w"), numpy_helper.from_array(np.arange(4, dtype=np.int64), "i"), [4])
    training = onnx.TrainingInfoProto()
    training.initialization.initializer.append(weights)
    return [
        _model([add], [weights]),
        _model([add], [_outside("w", offset="0", length="16")]),
        _model([constant, add], []),
        _model([choice, helper.make_node("Add", ["x", "v"], ["y"])], [yes]),
        _model([helper.make_node("Sum", ["x"], ["y"], domain="local")], [], functions=[function]),
        _model([add], [], sparse=[sparse]),
        _model([add], [inside], training=[training]),
        _model([add], [inside]),
    ]


def looks_outside(data: bytes) -> bool:
    """Whether ONNX Runtime, opened without our precautions, reads the external file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    )  # an optimizer would refuse some
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"], enable_fallback=False)
        feed = {tensor.name: np.zeros((1, 4), np.float32) for tensor in session.get_inputs()}
        answers = session.run(None, feed)
    except Exception:  # noqa: BLE001  any error means that there is no output
        return False
    return any(MARK in np.asarray(answer).ravel().tolist() for answer in answers)


def judge(data: bytes) -> str:
    """Pass a model to the guard and to ONNX Runtime, and describe the result; `HOLE` means that the guard failed."""
    try:
        summary = inspect(data)
    except NotOnnxError as error:
        why = "external data" if isinstance(error, ExternalDataError) else "not plain"
        return f"refused ({why}), and ONNX Runtime reads the file" if looks_outside(data) else f"refused ({why})"
    if looks_outside(data):
        return "HOLE: ONNX Runtime reads the file of an accepted model"
    try:
        model = onnx.load_model_from_string(data)
    except Exception:  # noqa: BLE001  no parser reads it, so ONNX Runtime does not either
        return "accepted, and no parser reads it"
    if b"\x0a\x08location" in model.SerializeToString(deterministic=True) and names_a_file(model):
        return "HOLE: Protocol Buffers see external data in an accepted model"
    seen = {entry.key: entry.value for entry in model.metadata_props}
    if summary.metadata != seen or summary.ir_version != model.ir_version:
        return "HOLE: Protocol Buffers see other metadata than the guard"
    return "accepted"


def names_a_file(message: Any) -> bool:
    """Whether any tensor below a message has external data."""
    if message.DESCRIPTOR.name == "TensorProto" and (message.external_data or message.data_location):
        return True
    return any(
        names_a_file(item)
        for found, value in message.ListFields()
        if found.message_type is not None
        for item in (value if found.is_repeated else [value])
    )


def batch(seed: int, pipe: int, folder: Path) -> None:
    """Judge one batch and write the results to the pipe; runs in a child process."""
    os.chdir(folder)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    draw, bases = random.Random(seed), base_models()  # noqa: S311  no secret
    counts: Counter[str] = Counter()
    holes = []
    for _ in range(BATCH):
        data = mutant(bases, draw)
        verdict = judge(data)
        counts[verdict] += 1
        if verdict.startswith("HOLE"):
            holes.append([verdict, data.hex()])
    os.write(pipe, json.dumps({"counts": counts, "holes": holes[:3]}).encode())


def run(seconds: float, seed: int) -> dict[str, Any]:
    """Run batches until the time is over, at least one."""
    counts: Counter[str] = Counter()
    holes: list[Any] = []
    deadline_s, number = time.monotonic() + seconds, seed
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / OUTSIDE).write_bytes(np.full(4, MARK, np.float32).tobytes())
        while number == seed or time.monotonic() < deadline_s:
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    batch(number, writer, Path(folder))
                except BaseException as error:  # noqa: BLE001  a child must not run the parent's code
                    os.write(writer, json.dumps({"counts": {}, "holes": [[f"HOLE: {error!r}", ""]]}).encode())
                finally:
                    os._exit(0)
            os.close(writer)
            with os.fdopen(reader, "rb") as pipe:
                answer = pipe.read()
            os.waitpid(child, 0)
            number += 1
            if not answer:
                counts["batches in which ONNX Runtime ended the process"] += 1
                continue
            found = json.loads(answer)
            counts.update(found["counts"])
            holes += found["holes"]
    return {"seed": seed, "counts": dict(counts), "holes": holes}


def main() -> int:
    """Run and print; exit with 1 if there is a hole."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    result = run(options.seconds, options.seed)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 1 if result["holes"] else 0


if __name__ == "__main__":
    sys.exit(main())
