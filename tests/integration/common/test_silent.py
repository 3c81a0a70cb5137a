"""A thousand clients stop in the middle of a request: the server answers everyone else as if they were not there."""

from __future__ import annotations

import contextlib
import json
import ssl
import statistics
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from benchmarks.common.silent import silent_clients
from common.server.limits import Limits
from tests.artifacts import HEALTHY, HOT, write_model
from tests.certificates import OPENSSL, certify
from tests.integration.console.installations import console
from tests.servers import running
from tests.waiting import WAIT_S, until

SILENT = 1_000
TRIES = 9
LONGEST_S = 1.0
PAGE = json.dumps({"documents": [{"id": "1", "source": HEALTHY}]}).encode()
HUGE_PAGE = json.dumps({"documents": [{"id": str(i), "source": HOT} for i in range(10_000)]}).encode()
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Target:
    """A running server, and a request for it."""

    url: str
    worker: psutil.Process
    health: str
    ordinary: str
    body: bytes | None
    tls: ssl.SSLContext | None

    def ask(self, path: str, body: bytes | None = None) -> float:
        """Seconds of one request, on a new connection."""
        began = time.monotonic()
        request = urllib.request.Request(f"{self.url}{path}", data=body, headers={} if body is None else JSON)
        with urllib.request.urlopen(request, timeout=WAIT_S, context=self.tls) as answer:
            answer.read()
        return time.monotonic() - began

    def open_files(self) -> int:
        return self.worker.num_fds()

    def at_rest(self) -> int:
        """Open files of the worker, once the clients of the previous test are gone."""
        assert until(lambda: self.open_files() < 200)
        return self.open_files()


@contextlib.contextmanager
def enrich(folder: Path, *, encrypted: bool) -> Iterator[Target]:
    env, tls = secured(folder, "SERVE") if encrypted else ({}, None)
    env["OVERSIGHT_SERVE_QUEUE_TIMEOUT_S"] = str(WAIT_S)  # a busy machine may need a long time for 16 huge pages
    with running(write_model(folder / "model.onnx"), env=env, tls=tls) as service:
        yield Target(service.url, service.workers()[0], "/v2/health/live", "/v1/enrich", PAGE, tls)


@contextlib.contextmanager
def board(folder: Path, *, encrypted: bool) -> Iterator[Target]:
    env, tls = secured(folder, "CONSOLE") if encrypted else ({}, None)
    with console(folder, ELASTICSEARCH_URL="http://127.0.0.1:9", **env) as found:
        yield Target(found.url, found.process.children()[0], "/health/live", "/", None, tls)


def secured(folder: Path, part: str) -> tuple[dict[str, str], ssl.SSLContext]:
    if not OPENSSL:
        pytest.skip("the openssl command, which makes the certificates, is missing")
    certificate = certify(folder, "server")
    names = {"CERT": "server.pem", "KEY": "server.key"}
    env = {f"OVERSIGHT_{part}_TLS_{kind}": str(folder / name) for kind, name in names.items()}
    return env, ssl.create_default_context(cafile=certificate)


@pytest.fixture(scope="module", params=["enrich", "enrich-tls", "console", "console-tls"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Both servers, each over plain HTTP and over TLS."""
    kind: Callable[..., contextlib.AbstractContextManager[Target]] = enrich if "enrich" in request.param else board
    with kind(tmp_path_factory.mktemp("server"), encrypted="tls" in request.param) as found:
        yield found


def test_a_thousand_silent_clients_do_not_delay_others(target: Target) -> None:
    """Health and ordinary requests from the same address are answered within a second."""
    before = target.at_rest()
    with silent_clients(target.url, SILENT, tls=target.tls):
        assert until(lambda: target.open_files() >= before + SILENT // 2)  # a console accepts no bodies
        health = [target.ask(target.health) for _ in range(TRIES)]
        ordinary = [target.ask(target.ordinary, target.body) for _ in range(TRIES)]
    assert statistics.median(health) < LONGEST_S, health
    assert statistics.median(ordinary) < LONGEST_S, ordinary
    assert until(lambda: target.open_files() < before + 20)


@pytest.mark.parametrize("target", ["enrich", "console"], indirect=True, scope="module")
def test_more_connections_than_allowed_close_the_oldest_ones(target: Target) -> None:
    """The newest client is served, the number of open connections stays within the limit, and the log has one line."""
    most = Limits().connections
    before = target.at_rest()
    with silent_clients(target.url, most + 200) as opened:
        assert target.ask(target.health) < 60
        assert target.ask(target.ordinary, target.body) < 60
        assert target.open_files() <= before + most + 20
        opened[0].settimeout(WAIT_S)
        assert opened[0].recv(100) == b""  # the oldest was closed, without a response


@pytest.mark.parametrize("target", ["enrich"], indirect=True, scope="module")
def test_health_does_not_wait_for_pages_of_10_000_documents(target: Target) -> None:
    """More of these pages at the same time than the service has threads."""
    with ThreadPoolExecutor(8) as clients:
        pages = [clients.submit(target.ask, "/v1/enrich", HUGE_PAGE) for _ in range(16)]
        health = []
        while not all(page.done() for page in pages):
            health.append(target.ask(target.health))
        assert all(page.result() for page in pages)
    assert len(health) > 3
    assert statistics.median(health) < LONGEST_S, health
