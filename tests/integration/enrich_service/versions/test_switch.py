"""Switching the model of a running service: no request is lost, no answer is mixed, a bad model is refused.

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
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http.client import HTTPException
from pathlib import Path

import psutil
import pytest

from benchmarks.enrich_service.swap_bench import Load, request_body, switch
from contract.artifact.contract import VERSION_DIGITS
from enrich_service.model.model_file import read
from enrich_service.model.pointer import POINTER, Pointer, read_pointer, version_path, write_pointer
from tests.artifacts import TURBINE, write_model
from tests.integration.enrich_service.requests import ask
from tests.integration.enrich_service.versions.live import SOURCES, Live, variant
from tests.servers import running
from tests.waiting import WAIT_S, until


def test_no_request_fails_and_no_answer_is_mixed_while_the_model_is_switched(live: Live) -> None:
    """100 requests per second over five activations; clients keep their connections and retry nothing."""
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


def test_a_worker_that_is_killed_right_after_a_switch_restarts_with_the_new_version(live: Live) -> None:
    """Its replacement never serves the old version."""
    live.point(active=live.versions[1])
    assert until(lambda: live.serves() == live.versions[1])
    for worker in live.service.workers():
        worker.send_signal(signal.SIGKILL)
        worker.wait(timeout=WAIT_S)
    assert until(lambda: len(live.service.workers()) == 2)
    assert until(lambda: live.all_serve(live.versions[1]))


def test_the_last_of_two_activations_within_a_second_wins(live: Live) -> None:
    """The service may skip the first; in the end every worker serves the same version."""
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
def test_an_invalid_artifact_is_refused_in_one_line_and_the_old_one_stays(
    live: Live, make: Callable[[Path], bytes], why: str
) -> None:
    """The pointer names it, as if someone had edited it by hand, without `oversight model activate`."""
    data = make(live.folder)
    version = hashlib.sha256(data).hexdigest()[:VERSION_DIGITS]
    version_path(live.folder, version).write_bytes(data)
    before = len(live.errors())
    live.point(active=version)
    assert until(lambda: len(live.errors()) > before)
    assert live.all_serve(live.versions[0])
    said, *more = live.errors()[before:]
    assert more == [], "one error per artifact"
    assert said.startswith(f"the model was not switched, version {live.versions[0]} stays active: ")
    assert why in said


def test_a_worker_that_cannot_start_again_is_tried_again_and_the_service_stays(tmp_path: Path) -> None:
    """A new worker lacks memory for a while: the parent retries, and the service does not answer until one starts."""
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


def test_a_pointer_of_garbage_changes_nothing(live: Live) -> None:
    """One error, not one at every check."""
    before = len(live.errors())
    (live.folder / POINTER).write_bytes(b"\x00garbage")
    assert until(lambda: len(live.errors()) > before)
    assert live.all_serve(live.versions[0])
    said, *more = live.errors()[before:]
    assert more == []
    assert "active.json is not JSON" in said
    write_pointer(live.folder, Pointer(live.versions[0]))


def test_a_foreign_model_is_served_if_its_pointer_allows_it(live: Live) -> None:
    """`oversight model activate --foreign` writes that into the pointer; a rollback may always return."""
    data = _foreign(live.folder)
    version = read(live.folder.parent / "foreign.onnx").version
    version_path(live.folder, version).write_bytes(data)
    write_pointer(live.folder, Pointer(version, foreign=True))
    url = f"{live.service.url}/v1/model"
    assert until(lambda: all(ask(url)[1]["model"]["id"] == "windmill" for _ in range(12)))
    write_pointer(live.folder, Pointer(live.versions[0], foreign=True))
    assert until(lambda: live.all_serve(live.versions[0]))


def test_a_shadow_is_added_without_changing_the_verdict(live: Live) -> None:
    """It is switched on and off while the service runs, and adds only `oversight.shadow`."""
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
    """Without a model folder, SIGHUP tells the service to read the file again."""
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
