"""Switching the model of a running service: nothing is lost, nothing is mixed, and what is bad stays out.

one service of two workers on a model folder ◀── activate, damage, kill ── each test, and each leaves it serving
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from onnx import numpy_helper

from benchmarks.artifact.guard_fuzz import Piece, parse, varint, write
from benchmarks.enrich_service.swap_bench import Load, expectation, request_body, switch, told
from contract.artifact.contract import METADATA_KEY, VERSION_DIGITS
from enrich_service.model.model_file import read
from enrich_service.model.pointer import POINTER, Pointer, read_pointer, version_path, write_pointer
from tests.artifacts import HEALTHY, HOT, STRANGE, TURBINE, WORN, write_model
from tests.integration.enrich_service.requests import ask
from tests.servers import Service, running
from tests.waiting import WAIT_S, until

SOURCES: list[dict[str, Any]] = [HEALTHY, HOT, WORN, STRANGE]


def variant(path: Path, number: int) -> Path:
    """A version of the turbine that gives other probabilities under other label names."""
    labels = tuple(replace(label, name=f"{label.name}_{number}") for label in TURBINE.labels)

    def shift(model: Any) -> None:
        bias = next(tensor for tensor in model.graph.initializer if tensor.name == "bias")
        bias.CopyFrom(numpy_helper.from_array(np.array([0.0, 3.0, 0.1 * number], np.float32), "bias"))

    return write_model(path, replace(TURBINE, labels=labels), change=shift)


@dataclass(frozen=True)
class Live:
    """A service of two workers on a model folder, and two versions in it."""

    service: Service
    folder: Path
    versions: tuple[str, str]
    expected: dict[str, list[Any]]

    def point(self, **fields: Any) -> None:
        """Write the pointer as the command does."""
        write_pointer(self.folder, replace(read_pointer(self.folder), foreign=False, **fields))

    def serves(self) -> str:
        """The version that one answer names, checked against what that version says of each document."""
        status, page = ask(f"{self.service.url}/v1/enrich", json.loads(request_body(SOURCES)))
        assert status == 200
        version: str = page["model"]["version"]
        if version in self.expected:
            assert [told(result) for result in page["results"]] == self.expected[version]
        return version

    def all_serve(self, version: str) -> bool:
        """Whether both workers do: many answers in a row."""
        with contextlib.suppress(OSError, HTTPException):
            return all(self.serves() == version for _ in range(12))
        return False

    def log(self) -> str:
        return self.service.log.read_text(encoding="utf-8")

    def errors(self) -> list[str]:
        """What the log has at level error, ours alone."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [line["message"] for line in lines if line["log.level"] == "error" and "Worker" not in line["message"]]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The service that these tests share."""
    work = tmp_path_factory.mktemp("swap")
    files = [variant(work / f"{number}.onnx", number) for number in (1, 2)]
    expected = dict(expectation(file, SOURCES) for file in files)
    first, second = expected
    folder = work / "live"
    (folder / "versions").mkdir(parents=True)
    for file, version in zip(files, expected, strict=True):
        version_path(folder, version).write_bytes(file.read_bytes())
    write_pointer(folder, Pointer(first))
    with running(folder, options=["--workers", "2"]) as service:
        yield Live(service, folder, (first, second), expected)


@pytest.fixture(autouse=True)
def _serving_the_first(live: Live) -> Iterator[None]:
    """Every test begins and ends with the first version on both workers."""
    yield
    live.point(active=live.versions[0], shadow=None)
    assert until(lambda: live.all_serve(live.versions[0]))
    assert "Traceback" not in live.log()


def test_no_request_fails_and_no_answer_is_mixed_while_the_model_is_switched(live: Live) -> None:
    """100 requests a second over five activations; clients keep their connections and try nothing twice."""
    load = Load(live.service.url, request_body(SOURCES), live.expected, rate=100.0, clients=4)
    first, second = live.versions
    workers = live.service.workers()
    with load.running():
        assert until(lambda: sum(load.statuses.values()) > 20)
        for number in range(5):
            old, new = (first, second) if number % 2 == 0 else (second, first)
            switch(load, partial(live.point, active=new), new, old, quiet_s=0.3)
    assert set(load.statuses) == {"200"}
    assert load.mixed == []
    assert min(load.versions[first], load.versions[second]) > 20, "both versions answered"
    assert live.service.workers() == workers, "no process was replaced"


def test_a_worker_that_is_killed_right_after_a_switch_comes_back_with_the_new_version(live: Live) -> None:
    """What replaces it never brings the old one back."""
    live.point(active=live.versions[1])
    assert until(lambda: live.serves() == live.versions[1])
    for worker in live.service.workers():
        worker.send_signal(signal.SIGKILL)
        worker.wait(timeout=WAIT_S)
    assert until(lambda: len(live.service.workers()) == 2)
    assert until(lambda: live.all_serve(live.versions[1]))


def test_of_two_activations_within_a_second_the_last_one_holds(live: Live) -> None:
    """Each is followed, or skipped; the end is the same on every worker."""
    for version in (*reversed(live.versions), live.versions[1]):
        live.point(active=version)
    assert until(lambda: live.all_serve(live.versions[1]))


def _garbage(folder: Path) -> bytes:
    return b"this is no model"


def _cut(folder: Path) -> bytes:
    data = version_path(folder, read_pointer(folder).active or "").read_bytes()
    return data[: len(data) // 2]


def _nonsense(folder: Path) -> bytes:
    file = write_model(
        folder.parent / "nonsense.onnx", change=lambda model: setattr(model.graph.node[1], "op_type", "Nonsense")
    )
    return file.read_bytes()


def _foreign(folder: Path) -> bytes:
    return write_model(folder.parent / "foreign.onnx", replace(TURBINE, name="windmill")).read_bytes()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_garbage, "is not an ONNX model"),
        (_cut, "is not an ONNX model"),
        (_nonsense, "refuses the graph"),
        (_foreign, "is the model 'windmill', and 'turbine' is active"),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_line_and_the_old_one_stays(
    live: Live, make: Callable[[Path], bytes], why: str
) -> None:
    """The pointer names it, as if it had been put there by hand, past `oversight model activate`."""
    data = make(live.folder)
    version = hashlib.sha256(data).hexdigest()[:VERSION_DIGITS]
    version_path(live.folder, version).write_bytes(data)
    before = len(live.errors())
    live.point(active=version)
    assert until(lambda: len(live.errors()) > before)
    assert live.all_serve(live.versions[0])
    said, *more = live.errors()[before:]
    assert more == [], "it is said once"
    assert said.startswith(f"the model was not switched, version {live.versions[0]} stays active: ")
    assert why in said


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
    """Graphs within graphs, some thousand of them, behind a model."""
    inner = b""
    for number in (6, 5, 1) * 2_000:
        inner = bytes([number << 3 | 2]) + varint(len(inner)) + inner
    return data + b"\xa2\x01" + varint(len(inner) + len(varint(len(inner))) + 1) + b"\x0a" + varint(len(inner)) + inner


def _outside_by_a_long_tag(data: bytes) -> bytes:
    """The weights in a file of the service's folder; the tags of the fields that say so have bit 34 set."""
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
"""Artifacts of somebody who wants to end the service, or to read its files; and what the log says of each."""


def _hostile(folder: Path, made: str | Callable[[bytes], bytes]) -> bytes:
    if isinstance(made, str):
        return write_model(folder / "hostile.onnx", None, metadata={METADATA_KEY: made}).read_bytes()
    return made(write_model(folder / "hostile.onnx").read_bytes())


def test_no_artifact_in_the_folder_ends_the_service(live: Live) -> None:
    """Parent and workers are the same processes afterwards, the old version answers, and the log says why for each."""
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
    """A pipe that nobody writes into, a folder, a file without end."""
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


def test_a_worker_that_cannot_start_again_is_tried_again_and_the_service_stays(tmp_path: Path) -> None:
    """No memory for a new worker, for a while: the parent goes on trying, and nothing is answered until one starts."""
    with running(variant(tmp_path / "model.onnx", 1)) as service:
        parent, (worker,) = service.process, service.workers()
        parent.rlimit(psutil.RLIMIT_AS, (parent.memory_info().vms + 8 * 2**20, -1))
        worker.send_signal(signal.SIGKILL)
        assert until(lambda: "a new worker cannot start" in service.log.read_text(encoding="utf-8"))
        parent.rlimit(psutil.RLIMIT_AS, (-1, -1))

        def answers() -> bool:
            with contextlib.suppress(OSError, HTTPException):
                return ask(f"{service.url}/v2/health/ready")[0] == 200
            return False

        assert until(answers)
        assert parent.is_running()


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


def test_a_pointer_of_garbage_changes_nothing(live: Live) -> None:
    """It is said once, not at every look."""
    before = len(live.errors())
    (live.folder / POINTER).write_bytes(b"\x00garbage")
    assert until(lambda: len(live.errors()) > before)
    assert live.all_serve(live.versions[0])
    said, *more = live.errors()[before:]
    assert more == []
    assert "active.json is not JSON" in said
    write_pointer(live.folder, Pointer(live.versions[0]))


def test_a_foreign_model_answers_where_its_pointer_allows_it(live: Live) -> None:
    """`oversight model activate --foreign` says so there; the way back is allowed by a rollback."""
    data = _foreign(live.folder)
    version = read(live.folder.parent / "foreign.onnx").version
    version_path(live.folder, version).write_bytes(data)
    write_pointer(live.folder, Pointer(version, foreign=True))
    url = f"{live.service.url}/v1/model"
    assert until(lambda: all(ask(url)[1]["model"]["id"] == "windmill" for _ in range(12)))
    write_pointer(live.folder, Pointer(live.versions[0], foreign=True))
    assert until(lambda: live.all_serve(live.versions[0]))


def test_a_shadow_answers_beside_without_a_word_in_the_verdict(live: Live) -> None:
    """On and off while the service runs; `oversight.shadow` is all that it adds."""
    page = json.loads(request_body(SOURCES))
    _, alone = ask(f"{live.service.url}/v1/enrich", page)
    live.point(shadow=live.versions[1])

    def shadowed() -> bool:
        _, answer = ask(f"{live.service.url}/v1/enrich", page)
        return "shadow" in answer["results"][0]["fields"]["oversight"]

    assert until(lambda: all(shadowed() for _ in range(12)))
    _, both = ask(f"{live.service.url}/v1/enrich", page)
    for result, expected in zip(both["results"], live.expected[live.versions[1]], strict=True):
        shadow = result["fields"]["oversight"].pop("shadow")
        assert [shadow["model"]["version"], shadow["label"], shadow["probability"]] == expected[:3]
        assert shadow["agrees"] == (shadow["label"] == result["fields"]["oversight"]["prediction"]["label"])
    assert both == alone
    live.point(shadow=None)
    assert until(lambda: not any(shadowed() for _ in range(12)))


def test_a_file_is_read_again_at_a_hangup_and_pinned_digests_hold(tmp_path: Path) -> None:
    """Without a model folder: SIGHUP is the word of the operator."""
    files = [variant(tmp_path / f"{number}.onnx", number) for number in (1, 2, 3)]
    known = [read(file) for file in files]
    served = tmp_path / "model.onnx"
    served.write_bytes(files[0].read_bytes())
    pinned = {"OVERSIGHT_MODEL_SHA256": f"{known[0].sha256}, {known[1].sha256}"}
    with running(served, env=pinned) as service:
        url = f"{service.url}/v1/model"

        def hang_up(file: Path) -> None:
            (tmp_path / "next").write_bytes(file.read_bytes())
            (tmp_path / "next").replace(served)
            service.process.send_signal(signal.SIGHUP)

        hang_up(files[1])
        assert until(lambda: bool(ask(url)[1]["model"]["version"] == known[1].version))
        hang_up(files[2])
        assert until(lambda: "not in OVERSIGHT_MODEL_SHA256" in service.log.read_text(encoding="utf-8"))
        assert ask(url)[1]["model"]["version"] == known[1].version
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OVERSIGHT_")}
    ended = subprocess.run(
        [sys.executable, "-m", "oversight", "serve", "--model", str(files[2]), "--bind", "127.0.0.1:0"],
        env={**clean, **pinned},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr.count("\n")) == (64, 1)
    assert "is not in OVERSIGHT_MODEL_SHA256" in ended.stderr
