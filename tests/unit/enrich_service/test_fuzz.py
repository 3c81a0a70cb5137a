"""The fuzz run can fail: it finds each forbidden behaviour."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from random import Random

import pytest

from benchmarks.enrich_service.fuzz.bodies import MAKERS, valid
from benchmarks.enrich_service.fuzz.service import Kind, Report, clients, log_problems, problem_of, table
from benchmarks.enrich_service.fuzz.sockets import CLIENTS, Answer, answers, exchange, head_of
from contract.artifact.contract import ModelContract
from enrich_service.garbage import COLLECT_BYTES, after_request
from tests.artifacts import TURBINE

JSON = "application/json"


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer(200, JSON, b'{"results": []}'), None),
        (Answer(400, JSON, b'{"error": "text"}'), None),
        (Answer(422, JSON, b'{"error": {"type": "x", "message": "y"}}'), None),
        (Answer(200, "text/plain; version=0.0.4", b"a 1"), None),
        (Answer(503, JSON, b'{"error": "as many as OVERSIGHT_SERVE_QUEUE allows"}'), None),
        (Answer(500, JSON, b'{"error": "OVERSIGHT_SERVE_QUEUE"}'), "a server error"),
        (Answer(503, JSON, b'{"error": "text"}'), "a server error"),
        (Answer(400, JSON, b'{"error": "Traceback (most recent call last)"}'), "a stack trace"),
        (Answer(404, "text/html", b"<html>"), "instead of JSON"),
        (Answer(200, JSON, b"{"), "not JSON"),
        (Answer(400, JSON, b'{"error": {"type": "x"}}'), "an error in an unexpected format"),
        (Answer(400, JSON, b"{}"), "an error in an unexpected format"),
    ],
)
def test_a_forbidden_response_is_a_fault(answer: Answer, fault: str | None) -> None:
    """Statuses, media types and forms of a response."""
    problem = problem_of(answer)
    assert problem is None if fault is None else fault in str(problem)


def test_responses_are_read_one_after_the_other() -> None:
    """In a pipeline of requests; the interim response to Expect does not count, and a truncated one is left out."""
    one = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    found = answers(one + interim.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n") + one + one[:-1])
    assert found == [Answer(200, JSON, b"{}")] * 2
    assert answers(b"") == []


def test_a_log_with_a_traceback_or_an_error_is_a_fault(tmp_path: Path) -> None:
    """So is a line that is no JSON: some code has printed without the log."""
    log = tmp_path / "log"
    log.write_text('{"log.level":"info","message":"fine"}\n', encoding="utf-8")
    assert log_problems(log) == []
    for line in ('{"log.level":"error"}', '{"error":{"stack_trace":"Traceback ..."}}', "Fatal Python error"):
        log.write_text(f'{{"log.level":"info"}}\n{line}\n', encoding="utf-8")
        assert log_problems(log) == [line]


def test_a_replaced_worker_and_grown_memory_are_faults() -> None:
    """The printed table names them."""
    report = Report({"x": Kind(3)}, replaced=1, before_bytes=100 << 20, after_bytes=200 << 20)
    report.kinds["x"].statuses[400] += 2
    assert report.faults == ["the service replaced 1 workers", "memory grew from 100 to 200 MB"]
    lines = table(report)
    assert "| x | 3 | 400: 2 | 1 |" in lines
    assert lines[-1] == "FAULT memory grew from 100 to 200 MB"


class _Broken(BaseHTTPRequestHandler):
    """A service that responds in HTML, with a traceback."""

    def do_POST(self) -> None:
        self.send_error(500, explain="Traceback")

    def log_message(self, *_args: object) -> None:
        """Log nothing."""


@pytest.fixture
def broken() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Broken) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_faults_of_a_broken_service_are_found(broken: str) -> None:
    """The same requests to another server."""
    (answer,) = exchange(broken, head_of("/v1/enrich", 2) + b"{}")
    assert answer.status == 500
    assert problem_of(answer) is not None
    requests, found = CLIENTS["wrong Content-Length"](broken, TURBINE, Random(1))
    assert requests == 1
    assert all(problem_of(one) for one in found)


def test_garbage_is_collected_only_after_large_requests() -> None:
    """A full collection after each small request would cost more than the request."""
    gc.collect()
    looks = gc.get_stats()[2]["collections"]
    after_request(1000)
    assert gc.get_stats()[2]["collections"] == looks
    after_request(COLLECT_BYTES)
    assert gc.get_stats()[2]["collections"] == looks + 1


def test_the_same_seed_sends_the_same() -> None:
    """A fault can be reproduced."""
    for make in MAKERS.values():
        assert make(TURBINE, Random("x")) == make(TURBINE, Random("x"))
    assert len({valid(TURBINE, Random(number))[0] for number in range(20)}) == 2
    assert sum(heavy for _, heavy in clients().values()) == 3


def test_requests_are_made_for_any_contract() -> None:
    """A model of numbers only has no words to damage."""
    numbers = tuple(feature for feature in TURBINE.features if feature.kind == "float")
    contract = ModelContract("numbers", numbers, TURBINE.labels, TURBINE.families)
    for make in MAKERS.values():
        assert all(make(contract, Random(number)).path.startswith("/v") for number in range(50))
