"""The demo as a user runs it: events get predictions, and no process remains after any kind of end."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from oversight.demo.ports import free_port
from tests.waiting import WAIT_S, until

EVENTS = 200


def _command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "oversight", "demo", "--folder", str(folder), "--events", str(EVENTS), *arguments]


def _processes(folder: Path) -> list[psutil.Process]:
    """Every process that the demo of this folder started; this folder is their working directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def _listeners(folder: Path) -> list[int]:
    """Ports on which those processes listen."""
    ports = []
    for process in _processes(folder):
        try:
            connections = process.net_connections(kind="tcp")
        except psutil.Error:
            continue
        ports += [connection.laddr.port for connection in connections if connection.status == psutil.CONN_LISTEN]
    return ports


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for a demo; its remaining processes are killed at the end."""
    place = tmp_path / "demo"
    yield place
    for process in _processes(place):
        process.kill()


def test_every_event_gets_its_prediction_and_a_second_run_works(folder: Path, embedded_url: str) -> None:
    """In the second run the environment names other servers; the demo ignores them."""
    elsewhere = {"PATH": "/usr/bin:/bin", "ELASTICSEARCH_URL": embedded_url, "OVERSIGHT_ENRICH_URL": embedded_url}
    for environment in (None, elsewhere):
        command = _command(folder, "--exit", "--rate", "2000")
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Predictions by label" in done.stdout
        assert "neptune" in done.stdout
        assert re.search(r"^ dos: neptune +[\d.]+ +\d+ +73 +[\d.]+", done.stdout, re.MULTILINE), done.stdout
        assert '"verdict": "true_positive"' in done.stdout
        assert re.search(r"^One unknown event, explained: [\d.]+ to [\d.]+$", done.stdout, re.MULTILINE), done.stdout
        assert re.search(r'"source": \{[^}]*"ip": "[\d.]+"', done.stdout)
        assert '"status": "enriched"' in done.stdout
        assert _processes(folder) == []


def test_chosen_ports_are_used(folder: Path) -> None:
    """A bookmark of the console works after the next start."""
    ports = {name: free_port() for name in ("console", "enrich", "engine")}
    options = [part for name, port in ports.items() for part in (f"--{name}-port", str(port))]
    command = _command(folder, "--exit", "--rate", "2000", *options)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"^engine +http://127.0.0.1:{ports['engine']} ", done.stdout, re.MULTILINE)
    assert re.search(rf"^enrich service +http://127.0.0.1:{ports['enrich']}$", done.stdout, re.MULTILINE)
    assert re.search(rf"^console +http://127.0.0.1:{ports['console']}/", done.stdout, re.MULTILINE)


def test_a_chosen_port_that_is_taken_is_named(folder: Path) -> None:
    """Before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = _command(folder, "--exit", "--console-port", str(port))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"--console-port: cannot listen on 127.0.0.1:{port} (" in done.stderr
    assert done.stderr.count("\n") == 1
    assert _processes(folder) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda ending: ending.name)
def test_a_signal_leaves_no_listener_and_a_second_demo_cannot_use_the_folder(
    folder: Path, ending: signal.Signals
) -> None:
    """After SIGKILL the demo cannot clean up: Linux ends its children; on other systems the next run does.

    Two demos cannot share a folder: the second one exits with one line and does no harm.
    """
    with subprocess.Popen(_command(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        assert until(lambda: len(_listeners(folder)) >= 2), "engine and service did not come up"
        if ending == signal.SIGTERM:
            _is_refused(folder)
        demo.send_signal(ending)
        demo.communicate(timeout=WAIT_S)
    if ending != signal.SIGKILL:
        assert _processes(folder) == []
        assert demo.returncode == 130
    assert until(lambda: not _listeners(folder))


def _is_refused(folder: Path) -> None:
    second = subprocess.run(_command(folder, "--exit"), capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "another demo uses" in second.stderr
    assert second.stderr.count("\n") == 1
