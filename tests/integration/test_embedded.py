"""The embedded engine starts, responds, leaves nothing behind, and is confined meanwhile."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from oversight.demo import confined, embedded
from oversight.demo.children import Children, end_leftovers
from oversight.demo.ports import free_port
from tests.waiting import WAIT_S


def test_a_stopped_engine_leaves_no_process(tmp_path: Path) -> None:
    children = Children(tmp_path)
    engine, url = embedded.start(children)
    with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
        assert b"You Know, for Search" in answer.read()
    children.stop_all()
    assert not psutil.pid_exists(engine.pid)
    assert end_leftovers(tmp_path) == 0


def test_an_engine_that_was_left_running_is_ended_by_the_next_run(tmp_path: Path) -> None:
    engine, _ = embedded.start(Children(tmp_path))
    assert end_leftovers(tmp_path) == 1
    assert engine.poll() is not None


LANDLOCK = confined.landlock_version()
needs_landlock = pytest.mark.skipif(LANDLOCK < confined.PORTS_SINCE, reason="this kernel's Landlock does not cover TCP")


def test_the_engine_has_its_folder_no_environment_and_loopback_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELASTICSEARCH_API_KEY", "a-secret")
    children = Children(tmp_path)
    engine, url = embedded.start(children)
    try:
        process = psutil.Process(engine.pid)
        assert process.exe() == str(embedded.binary())
        assert (process.environ(), process.cwd()) == ({}, str(tmp_path / "engine"))
        listening = {one.laddr.ip for one in process.net_connections(kind="inet") if one.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}
        status = Path(f"/proc/{engine.pid}/status").read_text(encoding="utf-8")
        assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
        log = (tmp_path / "engine.log").read_text(encoding="utf-8")
        port = url.rpartition(":")[2]
        assert confined.described(LANDLOCK, port=int(port), folder=tmp_path / "engine") in log
    finally:
        children.stop_all()


@needs_landlock
def test_a_confined_program_reads_writes_and_reaches_nothing_else(tmp_path: Path) -> None:
    """A shell in the place of the engine tries an attacker's steps; each step works without the confinement."""
    folder, outside = tmp_path / "own", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("a-secret\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ways = {
            "read": f'read -r line < {outside}/secret && [ -n "$line" ]',
            "write": f"echo x > {outside}/new",
            "append": f"echo x >> {outside}/secret",
            "list": f"shopt -s failglob; echo {outside}/*",
            "connect": f"exec 3<>/dev/tcp/127.0.0.1/{port}",
            "run": "/usr/bin/env true",
            "signal": f"kill -0 {os.getpid()}",
            "own": f"echo x > {folder}/mine && read -r line < {folder}/mine && [ $line = x ]",
        }
        for way, script in ways.items():
            words = ["/bin/bash", "--norc", "-c", script]
            free = subprocess.run(words, env={}, cwd=folder, capture_output=True, check=False, timeout=WAIT_S)
            assert free.returncode == 0, (way, free.stderr)
            (outside / "new").unlink(missing_ok=True)
            held = subprocess.run(
                [sys.executable, "-m", "oversight.demo.confined", str(port), str(folder), *words],
                capture_output=True,
                check=False,
                timeout=WAIT_S,
            )
            assert (held.returncode == 0) == (way == "own"), (way, held.stdout, held.stderr)
            assert not (outside / "new").exists()
            assert held.stdout.startswith(b"confined by Landlock"), held


@needs_landlock
def test_a_confined_engine_listens_only_on_its_own_port(tmp_path: Path) -> None:
    allowed, other = free_port(), free_port()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "oversight.demo.confined",
            str(allowed),
            str(tmp_path),
            str(embedded.binary()),
            "start",
            "--only",
            "elasticsearch",
            "--elasticsearch-port",
            str(other),
            "--data-dir",
            str(tmp_path),
        ],
        capture_output=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.returncode != 0
    assert b"ermission" in done.stderr + done.stdout, done


@pytest.mark.parametrize(
    ("version", "says"),
    [
        (0, "NOT confined: this kernel has no Landlock"),
        (3, "partly confined by Landlock 3"),
        (4, "cannot connect to any TCP port"),
    ],
)
def test_the_log_says_what_the_kernel_cannot_confine(tmp_path: Path, version: int, says: str) -> None:
    assert says in confined.described(version, port=9200, folder=tmp_path)
