"""The service as a real process: its responses, its protection, and the cases in which it refuses to start."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oversight.demo.ports import free_port
from tests import warm
from tests.artifacts import HEALTHY, HOT, STRANGE, write_model
from tests.integration.enrich_service.requests import JSON, ask, connect, send_raw
from tests.servers import Service, running
from tests.waiting import WAIT_S, until

PAGE = {"documents": [{"id": "1", "source": HEALTHY}, {"id": "2", "source": HOT}, {"id": "3", "source": STRANGE}]}
BEARER = {"Authorization": "Bearer hush-hush"}
MAX_READY_CPU_S = 2.0
"""Processor time and not elapsed time, because other tests may use the machine as well."""
MAX_WORKER_BYTES = 200 * 1024 * 1024


def start(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`oversight serve` with settings that make it end by itself."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OVERSIGHT_")}
    return warm.run("serve", *options, env={**clean, **environment}, cwd=Path.cwd())


def cpu_s(service: Service) -> float:
    """Processor time of a service so far, including ended children."""
    return float(sum(sum(process.cpu_times()[:4]) for process in (service.process, *service.workers())))


def test_a_page_is_answered_over_http(service: Service) -> None:
    """The request is like the watcher's."""
    status, body = ask(f"{service.url}/v1/enrich", PAGE)
    assert status == 200
    labels = [result["fields"]["oversight"]["prediction"]["label"] for result in body["results"]]
    assert labels == ["healthy", "overheating", "unknown"]


def test_it_is_ready_fast_and_small(turbine_model: Path) -> None:
    """Two seconds of one core with two workers, 200 MB per worker: a small machine can run it beside the rest."""
    with running(turbine_model, options=["--workers", "2"]) as service:
        assert cpu_s(service) < MAX_READY_CPU_S
        ask(f"{service.url}/v1/enrich", {"documents": PAGE["documents"] * 300})
        assert until(lambda: len(service.workers()) == 2)
        workers = service.workers()
        assert all(worker.memory_info().rss < MAX_WORKER_BYTES for worker in workers)


def test_one_line_says_that_it_is_ready(turbine_model: Path) -> None:
    """Address, model and version; then only one line per request, in JSON if the output is no terminal."""
    with running(turbine_model) as service:
        _, page = ask(f"{service.url}/v1/model")
        lines = [json.loads(line) for line in service.log.read_text(encoding="utf-8").splitlines()]
    assert [line["event"]["action"] for line in lines] == ["ready", "request"]
    assert lines[0]["message"] == f"ready at {service.url}: model turbine, version {page['model']['version']}"
    assert lines[0]["service"]["name"] == "oversight-enrich"
    assert lines[0]["log.level"] == "info"


def test_many_clients_at_once_get_their_own_answers(service: Service) -> None:
    """Threads share only the model."""

    def one(number: int) -> bool:
        source = HOT if number % 2 else HEALTHY
        page = {"documents": [{"id": f"{number}-{i}", "source": source} for i in range(50)]}
        _, body = ask(f"{service.url}/v1/enrich", page)
        kind = "alert" if number % 2 else "event"
        return all(
            result["id"] == f"{number}-{i}" and result["fields"]["event"]["kind"] == kind
            for i, result in enumerate(body["results"])
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(40)))


@pytest.fixture(scope="module")
def guarded(turbine_model: Path) -> Iterator[Service]:
    """A service with a token, small limits and a setting for unknown verdicts."""
    settings_ = {
        "OVERSIGHT_SERVE_MAX_DOCUMENTS": "3",
        "OVERSIGHT_SERVE_MAX_BODY_BYTES": "4096",
        "OVERSIGHT_SERVE_UNKNOWN_IS_ALERT": "true",
    }
    with running(turbine_model, token="hush-hush", env=settings_) as service:
        yield service


def test_a_token_is_required_if_it_is_set(guarded: Service) -> None:
    """Health needs no token, and the token is in no log."""
    assert ask(f"{guarded.url}/v2/health/ready")[0] == 200
    assert ask(f"{guarded.url}/v1/enrich", PAGE)[0] == 401
    assert ask(f"{guarded.url}/v1/model", headers={"Authorization": "Bearer hush"})[0] == 401
    assert ask(f"{guarded.url}/v1/enrich", PAGE, BEARER)[0] == 200
    assert "hush" not in guarded.log.read_text(encoding="utf-8")


def test_settings_reach_the_routes(guarded: Service) -> None:
    """Limits and the choice about unknown verdicts come from the environment."""
    _, body = ask(f"{guarded.url}/v1/enrich", PAGE, BEARER)
    assert body["results"][2]["fields"]["event"]["kind"] == "alert"
    assert ask(f"{guarded.url}/v1/enrich", {"documents": [PAGE["documents"][0]] * 4}, BEARER)[0] == 413
    status, body = ask(f"{guarded.url}/v1/enrich", {"documents": [], "x": "y" * 5000}, BEARER)
    assert (status, body["error"]["type"]) == (413, "request_too_large")


def test_a_client_that_sends_far_too_much_still_gets_the_reason(guarded: Service) -> None:
    """413 arrives although the client is still sending, and the connection ends."""
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request(
            "POST", f"{guarded.url}/v1/enrich", body=b"[" * 8_000_000, headers={**JSON, **BEARER}, timeout=WAIT_S
        )
    assert answer.status == 413
    assert "4096 bytes" in answer.json()["error"]["message"]
    chunked = (
        b"POST /v1/enrich HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer hush-hush\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    raw = send_raw(guarded.url, chunked + b"2000\r\n" + b"[" * 0x2000 + b"\r\n0\r\n\r\n")
    assert b" 413 " in raw.splitlines()[0]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" + bytes(200), 400),
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET /v2/health/live HTTP/1.1\r\nbad header\r\n\r\n", 400),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", 431),
        (
            b"POST /v1/enrich HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
            b"application/json\r\nContent-Length: -5\r\n\r\n",
            400,
        ),
        (
            b"POST /v1/enrich HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
            b"application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
        ),
        (
            b"POST /v1/enrich HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
            b"application/json\r\nTransfer-Encoding: magic\r\n\r\n",
            400,
        ),
        (
            b"POST /v1/enrich HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
            b"application/json\r\nContent-Length: 50\r\n\r\n{",
            400,
        ),
    ],
)
def test_invalid_http_is_refused_in_json(service: Service, data: bytes, status: int) -> None:
    """Never a 500; the log does not contain the sent bytes, because they could be a document."""
    head, _, body = send_raw(service.url, data).partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode()
    assert json.loads(body)["error"]["type"] in ("bad_request", "invalid_json")
    assert "hello" not in service.log.read_text(encoding="utf-8")


@given(data=st.binary(max_size=300))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_on_the_socket_does_no_harm(service: Service, data: bytes) -> None:
    """Never a 500, and the next request succeeds."""
    assert b" 500 " not in send_raw(service.url, data)[:40]
    assert ask(f"{service.url}/v2/health/ready")[0] == 200


@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_over_the_wire_is_answered_in_json(service: Service, body: object) -> None:
    """200 or 422, and always an object."""
    status, answer = ask(f"{service.url}/v1/enrich", {"documents": [{"id": "1", "source": {"turbine": body}}]})
    assert status == 200
    assert len(answer["results"]) == 1
    status, answer = ask(f"{service.url}/v1/enrich", {"documents": body})
    assert status in (200, 422)


def test_silent_connections_do_not_block_others(service: Service) -> None:
    """More silent connections than threads."""
    silent = [connect(service.url) for _ in range(12)]
    try:
        began = time.monotonic()
        assert ask(f"{service.url}/v1/enrich", PAGE)[0] == 200
        assert time.monotonic() - began < 2
    finally:
        for connection in silent:
            connection.close()


def test_a_port_in_use_is_one_line_and_exit_1(service: Service, turbine_model: Path) -> None:
    """No retries, no traceback."""
    bind = service.url.removeprefix("http://")
    ended = start("--bind", bind, "--model", str(turbine_model))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"oversight: cannot listen on {bind}: address already in use")
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


@pytest.mark.parametrize("token", [{}, {"OVERSIGHT_ENRICH_TOKEN": "  "}], ids=["none", "blank"])
def test_without_a_token_it_does_not_listen_for_other_machines(turbine_model: Path, token: dict[str, str]) -> None:
    """`OVERSIGHT_ENRICH_TOKEN=` in a .env file must not open the service to everyone."""
    ended = start("--bind", "0.0.0.0:0", "--model", str(turbine_model), **token)
    assert ended.returncode == 64
    assert "no token is set; set OVERSIGHT_ENRICH_TOKEN" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--bind", "nowhere"], 64, "OVERSIGHT_SERVE_BIND=nowhere is not an address"),
        (["--workers", "0"], 64, "OVERSIGHT_SERVE_WORKERS=0"),
        (
            ["--model", "/nonexistent/model.onnx"],
            64,
            "there is no model at /nonexistent/model.onnx; run `oversight train`",
        ),
        (["--model", "/"], 64, "is a folder"),
        (["--nonsense"], 2, "No such option"),
    ],
)
def test_a_wrong_start_is_one_line(turbine_model: Path, options: list[str], code: int, said: str) -> None:
    """64 for a wrong setting, 2 for unknown options."""
    ended = start(*options, OVERSIGHT_MODEL=str(turbine_model))
    assert ended.returncode == code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_graph_that_is_refused_is_one_line(tmp_path: Path) -> None:
    """No line of ONNX Runtime's own log is printed."""
    path = write_model(
        tmp_path / "model.onnx", change=lambda model: setattr(model.graph.node[1], "op_type", "Nonsense")
    )
    ended = start("--model", str(path), "--bind", f"127.0.0.1:{free_port()}")
    assert ended.returncode == 64
    assert ended.stderr.count("\n") == 1
    assert "refuses the graph" in ended.stderr
    assert ended.stdout == ""
