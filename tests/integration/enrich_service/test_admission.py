"""An overloaded service: it answers some requests, refuses the rest with a time to wait, and lets no client wait for
ever.
"""

from __future__ import annotations

import itertools
import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import urllib3

from contract.errors import EndpointUnavailableError
from tests.artifacts import HEALTHY, HOT
from tests.integration.enrich_service.requests import JSON, ask, connect, read_all
from tests.servers import Service, running
from tests.waiting import WAIT_S, until
from watcher.enrich.client import EnrichClient

QUEUE, THREADS, DOCUMENTS = 3, 1, 2_000
PAGES = itertools.count()
SMALL = {
    "OVERSIGHT_SERVE_THREADS": str(THREADS),
    "OVERSIGHT_SERVE_QUEUE": str(QUEUE),
    "OVERSIGHT_SERVE_READ_TIMEOUT_S": str(WAIT_S),  # forty clients in one process may be slow
    "OVERSIGHT_SERVE_QUEUE_TIMEOUT_S": "1",
}


@pytest.fixture(scope="module")
def small(turbine_model: Path) -> Iterator[Service]:
    """One thread, a queue of three, and short timeouts."""
    with running(turbine_model, env=SMALL) as service:
        yield service


def slow_page() -> bytes:
    """Some tens of milliseconds of work: the documents are new, so the service has no cached result."""
    first = next(PAGES) * DOCUMENTS
    values = [125 + (first + number) / 1_000_000 for number in range(DOCUMENTS)]
    sources = [{"turbine": {**HOT["turbine"], "temperature_c": value}} for value in values]
    return json.dumps({"documents": [{"id": "x", "source": source} for source in sources]}).encode()


def post(url: str, page: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and body of one page, on a new connection."""
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request("POST", f"{url}/v1/enrich", body=page, headers=JSON, timeout=WAIT_S)
    return answer.status, dict(answer.headers), answer.json()


def flood(clients: ThreadPoolExecutor, url: str, n: int) -> list[Future[tuple[int, dict[str, str], Any]]]:
    """Send `n` slow pages. All are made before the first is sent, since the service may be faster than that."""
    pages = [slow_page() for _ in range(n)]
    return [clients.submit(post, url, page) for page in pages]


def head(length: int, path: str = "/v1/enrich") -> bytes:
    """A request whose body has not been sent yet."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def test_a_flood_is_answered_only_with_200_and_503(small: Service) -> None:
    """An admitted request gets its answer, the others are refused; health responds meanwhile, and the
    service recovers.
    """
    with ThreadPoolExecutor(40) as clients:
        answers = flood(clients, small.url, 60)
        live, ready = (ask(f"{small.url}/v2/health/{what}")[0] for what in ("live", "ready"))
        found = [answer.result() for answer in answers]
    assert {status for status, *_ in found} == {200, 503}
    assert (live, ready) == (200, 200)
    for status, headers, body in found:
        if status == 503:
            assert headers["Retry-After"] == "1"
            assert headers["Connection"] == "close"
            assert body["error"]["type"] == "overloaded"
            assert "OVERSIGHT_SERVE_QUEUE" in body["error"]["message"]
        else:
            assert len(body["results"]) == DOCUMENTS
    assert post(small.url, slow_page())[0] == 200
    assert len(small.workers()) == 1


def test_the_watchers_client_gets_a_time_to_wait(small: Service) -> None:
    """The client treats a full queue as a server fault with a time to wait: documents stay pending."""

    waits_s: list[float] = []

    def ask_once() -> None:
        client = EnrichClient(small.url, timeout_s=60)
        try:
            client.enrich(["1"], [HEALTHY])
        except EndpointUnavailableError as error:
            waits_s.extend([] if error.retry_after_s is None else [error.retry_after_s])
        finally:
            client.close()

    def refused() -> bool:
        answers = flood(clients, small.url, 20)
        while not waits_s and not all(answer.done() for answer in answers):
            ask_once()
        return bool(waits_s)

    with ThreadPoolExecutor(20) as clients:
        assert until(refused)
        assert ask(f"{small.url}/v2/health/live")[0] == 200
    assert waits_s == [1.0]


def test_a_request_that_waited_too_long_is_not_processed(turbine_model: Path) -> None:
    """Its client has given up by then, or will before the response."""
    impatient = {"OVERSIGHT_SERVE_THREADS": "1", "OVERSIGHT_SERVE_QUEUE_TIMEOUT_S": "0.05"}
    with running(turbine_model, env=impatient) as service, ThreadPoolExecutor(20) as clients:
        found = [answer.result() for answer in flood(clients, service.url, 40)]
    assert {status for status, *_ in found} == {200, 503}
    refused = [body["error"]["message"] for status, _, body in found if status == 503]
    assert all("longer than OVERSIGHT_SERVE_QUEUE_TIMEOUT_S allows" in message for message in refused)


def test_a_client_that_sends_slowly_is_disconnected(turbine_model: Path) -> None:
    """408 after the timeout, or no response if not even the head was complete; the thread is free again."""
    strict = {**SMALL, "OVERSIGHT_SERVE_READ_TIMEOUT_S": "2"}
    with running(turbine_model, env=strict) as service, connect(service.url) as slow, connect(service.url) as slower:
        slow.sendall(head(100) + b"{")
        began = time.monotonic()
        answer = read_all(slow)
        assert b" 408 " in answer[:20]
        assert b"request_timeout" in answer
        assert time.monotonic() - began > 1.5
        slower.sendall(b"POST /v1/enrich HTTP/1.1\r\n")
        assert read_all(slower) == b""
        assert ask(f"{service.url}/v2/health/ready")[0] == 200


def test_a_running_request_is_answered_after_sigterm_and_new_ones_are_refused(turbine_model: Path) -> None:
    """A stop loses no request: the page whose body is still arriving gets its response, new clients get no
    connection.
    """
    body = json.dumps({"documents": [{"id": "1", "source": HEALTHY}]}).encode()
    with running(turbine_model) as service, connect(service.url) as slow:
        slow.sendall(head(len(body)) + body[:10])
        time.sleep(0.2)
        service.process.send_signal(signal.SIGTERM)
        assert until(lambda: _refused(service.url))
        slow.sendall(body[10:])
        answer = read_all(slow)
        assert b" 200 " in answer[:20]
        assert b'"healthy"' in answer
        assert service.process.wait(WAIT_S) == 0


def _refused(url: str) -> bool:
    try:
        connect(url).close()
    except ConnectionError:
        return True
    return False
