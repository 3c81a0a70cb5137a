"""The service under faults: workers die, it is told to stop, its model file is replaced."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from http.client import HTTPException
from pathlib import Path

import pytest

from contract.errors import ArtifactError
from enrich_service.artifact import read
from tests.artifacts import HEALTHY, without_novelty, write_model
from tests.integration.enrich_service.http import ask, connect, read_all
from tests.servers import Service, running, until

PAGE = {"documents": [{"id": str(i), "source": HEALTHY} for i in range(20)]}


def answers(service: Service) -> bool:
    try:
        return ask(f"{service.url}/v1/enrich", PAGE)[0] == 200
    except (OSError, HTTPException):  # refused, reset, or cut off in the middle of the answer
        return False


def test_a_killed_worker_is_replaced_while_requests_run(turbine_model: Path) -> None:
    """Requests in hand are lost with it, which clients see as a broken connection; later ones are answered."""
    with running(turbine_model) as service:
        stop = threading.Event()
        outcomes: list[bool] = []

        def ask_on() -> None:
            while not stop.is_set():
                outcomes.append(answers(service))

        clients = [threading.Thread(target=ask_on) for _ in range(3)]
        for client in clients:
            client.start()
        assert until(lambda: len(outcomes) > 10)
        for _ in range(2):
            assert until(lambda: len(service.workers()) == 1)
            (worker,) = service.workers()
            worker.send_signal(signal.SIGKILL)
            worker.wait(timeout=10)
        before = len(outcomes)
        assert until(lambda: sum(outcomes[before:]) > 20)
        stop.set()
        for client in clients:
            client.join(30)
        assert outcomes[-1]
        log = service.log.read_text(encoding="utf-8")
    assert "a worker was replaced" in log
    assert "Traceback" not in log


def test_a_request_in_hand_is_answered_when_it_is_told_to_stop(turbine_model: Path) -> None:
    """SIGTERM while half of the body is there: the rest is read, the answer comes, then it ends with 0."""
    body = json.dumps(PAGE).encode()
    head = (
        f"POST /v1/enrich HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with running(turbine_model) as service:
        with connect(service.url) as connection:
            connection.sendall(head.encode() + body[:50])
            time.sleep(0.3)
            service.process.terminate()
            time.sleep(0.5)
            connection.sendall(body[50:])
            answer = read_all(connection)
        assert b" 200 " in answer.splitlines()[0]
        assert len(json.loads(answer.partition(b"\r\n\r\n")[2])["results"]) == 20
        assert service.process.wait(timeout=15) == 0


@pytest.mark.parametrize("after_s", [0.0, 0.05])
def test_stopped_while_a_worker_starts_it_ends_with_0(turbine_model: Path, after_s: float) -> None:
    """Ctrl-C in the middle of an import is a stop like any other: no trace, no failure."""
    with running(turbine_model, options=["--workers", "2"]) as service:
        assert until(lambda: len(service.workers()) == 2)
        time.sleep(after_s)
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(timeout=15) == 0
        assert "Traceback" not in service.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_0_and_leaves_nothing_behind(turbine_model: Path, sent: signal.Signals) -> None:
    """As a container's stop and Ctrl-C do it."""
    with running(turbine_model, options=["--workers", "2"]) as service:
        assert until(lambda: len(service.workers()) == 2)
        workers = service.workers()
        service.process.send_signal(sent)
        assert service.process.wait(timeout=15) == 0
        assert not any(worker.is_running() for worker in workers)


def test_a_hangup_leaves_the_workers_and_their_connections(turbine_model: Path) -> None:
    """SIGHUP looks at the model again; gunicorn's own would end the workers, and cut connections that clients keep."""
    with running(turbine_model) as service, connect(service.url) as kept:
        before = service.workers()
        assert _lives(kept)
        service.process.send_signal(signal.SIGHUP)
        assert until(lambda: "is served already" in service.log.read_text(encoding="utf-8"))
        assert _lives(kept)
        assert service.workers() == before


def _lives(kept: socket.socket) -> bool:
    """Ask over a connection that stays open; the answer may come in pieces."""
    kept.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    while not answer.endswith(b"}") and (piece := kept.recv(4096)):
        answer += piece
    return answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b'{"live":true}')


def test_workers_end_with_a_parent_that_was_killed(turbine_model: Path) -> None:
    """Nobody is left on the port after a SIGKILL."""
    with running(turbine_model) as service:
        (worker,) = service.workers()
        service.process.kill()
        service.process.wait(timeout=15)
        worker.wait(timeout=15)
        assert not worker.is_running()


def test_a_file_replaced_under_a_running_service_changes_nothing(tmp_path: Path) -> None:
    """A new worker serves what the others serve, until somebody asks for the new file."""
    path = write_model(tmp_path / "model.onnx")
    version = read(path).version
    with running(path) as service:
        write_model(tmp_path / "next.onnx", without_novelty())
        (tmp_path / "next.onnx").replace(path)
        (worker,) = service.workers()
        worker.send_signal(signal.SIGKILL)
        assert until(lambda: answers(service))
        assert ask(f"{service.url}/v1/model")[1]["model"]["version"] == version
        path.write_bytes(b"half a mod")
        with pytest.raises(ArtifactError):
            read(path)
        (worker,) = service.workers()
        worker.send_signal(signal.SIGKILL)
        assert until(lambda: answers(service))
