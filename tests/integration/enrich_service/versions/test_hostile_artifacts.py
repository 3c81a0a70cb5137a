"""Artifacts in the model folder that try to end the service, or to read its files."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.artifact.guard_fuzz import Piece, parse, varint, write
from contract.artifact.contract import METADATA_KEY, VERSION_DIGITS
from enrich_service.model.pointer import POINTER, Pointer, version_path, write_pointer
from tests.artifacts import TURBINE, write_model
from tests.integration.enrich_service.versions.live import Live
from tests.waiting import WAIT_S, until


def _contract(**changes: Any) -> str:
    return json.dumps({**TURBINE.to_dict(), **changes})


def _with_severity(number: str) -> str:
    return _contract().replace('"severity": 73', f'"severity": {number}')


def _label(**changes: Any) -> str:
    first, *others = TURBINE.to_dict()["labels"]
    return _contract(labels=[{**first, **changes}, *others])


def _feature(**changes: Any) -> str:
    first, *others = TURBINE.to_dict()["features"]
    return _contract(features=[{**first, **changes}, *others])


def _deep(data: bytes) -> bytes:
    """A model followed by some thousand nested graphs."""
    inner = b""
    for number in (6, 5, 1) * 2_000:
        inner = bytes([number << 3 | 2]) + varint(len(inner)) + inner
    return data + b"\xa2\x01" + varint(len(inner) + len(varint(len(inner))) + 1) + b"\x0a" + varint(len(inner)) + inner


def _outside_by_a_long_tag(data: bytes) -> bytes:
    """Weights in another file of the service's folder; the tags of the fields that name it have bit 34 set."""
    pieces = parse(data, "ModelProto")
    graph = next(piece for piece in pieces if piece.number == 7).value
    assert isinstance(graph, list)
    tensor = next(piece for piece in graph if piece.number == 5).value
    assert isinstance(tensor, list)
    location = Piece(13, 2, [Piece(1, 2, b"location"), Piece(2, 2, b"serve.log")], tag_extra=1 << 34)
    tensor += [location, Piece(14, 0, 1, tag_extra=1 << 34)]
    return write(pieces)


HOSTILE: list[tuple[str | Callable[[bytes], bytes], str]] = [
    (_with_severity("1e999"), "`severity` is inf; write a whole number"),
    (_with_severity("1" + "0" * 400), "has 401 digits"),
    (_with_severity("NaN"), "NaN is not a JSON number"),
    (_with_severity("-Infinity"), "-Infinity is not a JSON number"),
    (
        _contract(novelty_threshold=0).replace('"novelty_threshold": 0', '"novelty_threshold": 1' + "0" * 400),
        "401 digits",
    ),
    (
        _contract(novelty_threshold=0).replace('"novelty_threshold": 0', '"novelty_threshold": 1e999'),
        "write a number from",
    ),
    (_contract(heldout={"x": 0}).replace('"x": 0', '"x": 1' + "0" * 5_000), "has 5001 digits"),
    (_contract(heldout={"x": 2**63}), "more than 64 bits"),
    ("[" * 200_000, "its lists or objects are nested too deeply"),
    ('{"a":' * 100_000, "its lists or objects are nested too deeply"),
    ("x" * 100_000_000, "its metadata has more than"),
    ("[" + "1," * 3_000_000 + "1]", "not a JSON object"),
    (_label(name="\ud800"), "control character U+D800"),
    (_label(name="unknown"), "this name is the verdict on rows unlike anything"),
    (_label(name=""), "a label has an empty `name`"),
    (_feature(field="oversight.status"), "is written by Oversight"),
    (_feature(field="turbine"), "is the parent of"),
    (_feature(name="label"), "is the name of the column of the label"),
    (_feature(minimum=9, maximum=1), "`minimum` is 9 and above `maximum`, 1"),
    (_contract(name="../../x"), "becomes part of paths"),
    (_deep, "messages are nested more than"),
    (_outside_by_a_long_tag, "a tag of more than 32 bits"),
]
"""Artifacts of an attacker who wants to end the service or to read its files, with the log message for each."""


def _hostile(folder: Path, made: str | Callable[[bytes], bytes]) -> bytes:
    if isinstance(made, str):
        return write_model(folder / "hostile.onnx", None, metadata={METADATA_KEY: made}).read_bytes()
    return made(write_model(folder / "hostile.onnx").read_bytes())


def test_no_artifact_in_the_folder_ends_the_service(live: Live) -> None:
    """Parent and workers stay the same processes, the old version is served, and the log has the reason for each."""
    workers = live.service.workers()
    for made, why in HOSTILE:
        data = _hostile(live.folder.parent, made)
        version = hashlib.sha256(data).hexdigest()[:VERSION_DIGITS]
        version_path(live.folder, version).write_bytes(data)
        before = len(live.errors())
        live.point(active=version)
        assert until(lambda n=before: len(live.errors()) > n), why  # type: ignore[misc]
        said = live.errors()[before]
        assert said.startswith(f"the model was not switched, version {live.versions[0]} stays active: "), why
        assert why in said
        assert len(said) < 4_000
        assert live.serves() == live.versions[0]
        version_path(live.folder, version).unlink()
    assert live.service.process.is_running()
    assert live.service.workers() == workers


def test_nothing_in_the_place_of_a_file_ends_or_stops_the_service(live: Live) -> None:
    """A pipe without a writer, a folder, a file without end."""
    workers, before = live.service.workers(), len(live.errors())
    os.mkfifo(live.folder / "pipe")
    (live.folder / "pipe").replace(live.folder / POINTER)
    assert until(lambda: len(live.errors()) > before)
    assert "active.json cannot be read" in live.errors()[-1]
    makers: list[Callable[[Path], None]] = [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")]
    for number, make in enumerate(makers):
        version, before = f"{number:012x}", len(live.errors())
        make(version_path(live.folder, version))
        write_pointer(live.folder, Pointer(version))
        assert until(lambda n=before: len(live.errors()) > n)  # type: ignore[misc]
        assert f"{version}.onnx" in live.errors()[-1]
        assert live.serves() == live.versions[0]
    assert live.service.workers() == workers


def test_a_service_that_starts_with_a_hostile_artifact_ends_with_one_line(tmp_path: Path) -> None:
    """Exit 64, no traceback; the message names the file and what to do."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OVERSIGHT_")}
    started = []
    for number, (made, why) in enumerate((HOSTILE[0], HOSTILE[10], HOSTILE[15], HOSTILE[-1])):
        path = tmp_path / f"{number}.onnx"
        path.write_bytes(_hostile(tmp_path, made))
        command = [sys.executable, "-m", "oversight", "serve", "--model", str(path), "--bind", "127.0.0.1:0"]
        started.append(
            (subprocess.Popen(command, env=clean, stderr=subprocess.PIPE, text=True, cwd=tmp_path), path, why)
        )
    for process, path, why in started:
        try:
            _, said = process.communicate(timeout=WAIT_S)
        finally:
            process.kill()
        assert (process.returncode, said.count("\n")) == (64, 1), said
        assert str(path) in said
        assert why in said
