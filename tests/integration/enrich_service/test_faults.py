"""Faults of the service: workers are killed, the service is stopped, its model file is replaced."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import pytest

from contract.errors import ArtifactError
from enrich_service.model.model_file import read
from tests.artifacts import HEALTHY, without_novelty, write_model
from tests.integration.enrich_service.requests import ask, connect
from tests.servers import Service, running
from tests.waiting import WAIT_S, until

PAGE = {"documents": [{"id": str(i), "source": HEALTHY} for i in range(20)]}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file of the service."""
    return write_model(tmp_path_factory.mktemp("mortal") / "model.onnx")


@pytest.fixture(scope="module")
def mortal(path: Path) -> Iterator[Service]:
    """A service with one worker on that file; each test leaves it running, and the file as it was."""
    with running(path) as service:
        yield service


def answers(service: Service) -> bool:
    try:
        return ask(f"{service.url}/v1/enrich", PAGE)[0] == 200
    except (OSError, HTTPException):  # refused, reset, or cut off in the middle of the response
        return False


def test_a_killed_worker_is_replaced_while_requests_run(mortal: Service) -> None:
    """Its current requests are lost, which clients see as a broken connection; later requests succeed."""
    stop = threading.Event()
    outcomes: list[bool] = []

    def ask_on() -> None:
        while not stop.wait(0.005):
            outcomes.append(answers(mortal))

    clients = [threading.Thread(target=ask_on) for _ in range(3)]
    for client in clients:
        client.start()
    assert until(lambda: len(outcomes) > 10)
    for _ in range(2):
        _kill_the_worker(mortal)
    before = len(outcomes)
    assert until(lambda: sum(outcomes[before:]) > 20)
    stop.set()
    for client in clients:
        client.join(WAIT_S)
    assert outcomes[-1]
    log = mortal.log.read_text(encoding="utf-8")
    assert "a worker was replaced" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(("sent", "after_s"), [(signal.SIGINT, 0.0), (signal.SIGINT, 0.05), (signal.SIGTERM, 0.0)])
def test_stopped_while_a_worker_starts_it_ends_with_0_and_leaves_nothing_behind(
    turbine_model: Path, sent: signal.Signals, after_s: float
) -> None:
    """Ctrl-C or a container's stop during an import is like any other stop: no traceback, no failure."""
    with running(turbine_model, options=["--workers", "2"]) as service:
        assert until(lambda: len(service.workers()) == 2)
        workers = service.workers()
        time.sleep(after_s)
        service.process.send_signal(sent)
        assert service.process.wait(timeout=WAIT_S) == 0
        assert not any(worker.is_running() for worker in workers)
        assert "Traceback" not in service.log.read_text(encoding="utf-8")


def test_a_hangup_leaves_the_workers_and_their_connections(mortal: Service) -> None:
    """SIGHUP checks the model again; gunicorn's own handler would end the workers and cut the clients' connections."""
    assert until(lambda: len(mortal.workers()) == 1 and answers(mortal))
    with connect(mortal.url) as kept:
        before = mortal.workers()
        assert _answers(kept)
        mortal.process.send_signal(signal.SIGHUP)
        assert until(lambda: "is already served" in mortal.log.read_text(encoding="utf-8"))
        assert _answers(kept)
        assert mortal.workers() == before


def _answers(kept: socket.socket) -> bool:
    """Send a request over the open connection; the response may come in pieces."""
    kept.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    answer = b""
    while not answer.endswith(b"}") and (piece := kept.recv(4096)):
        answer += piece
    return answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b'{"live":true}')


def test_workers_end_with_a_parent_that_was_killed(turbine_model: Path) -> None:
    """No process listens on the port after a SIGKILL."""
    with running(turbine_model) as service:
        (worker,) = service.workers()
        service.process.kill()
        service.process.wait(timeout=WAIT_S)
        worker.wait(timeout=WAIT_S)
        assert not worker.is_running()


def test_a_file_replaced_under_a_running_service_changes_nothing(mortal: Service, path: Path, tmp_path: Path) -> None:
    """A new worker serves the same model as the others, until an operator requests the new file."""
    version, served = read(path).version, path.read_bytes()
    try:
        write_model(tmp_path / "next.onnx", without_novelty()).replace(path)
        _kill_the_worker(mortal)
        assert until(lambda: answers(mortal))
        assert ask(f"{mortal.url}/v1/model")[1]["model"]["version"] == version
        path.write_bytes(b"half a mod")
        with pytest.raises(ArtifactError):
            read(path)
        _kill_the_worker(mortal)
        assert until(lambda: answers(mortal))
    finally:
        path.write_bytes(served)


def _kill_the_worker(service: Service) -> None:
    """Kill the only worker, after its predecessor has been replaced."""
    assert until(lambda: len(service.workers()) == 1)
    (worker,) = service.workers()
    worker.send_signal(signal.SIGKILL)
    worker.wait(timeout=WAIT_S)
