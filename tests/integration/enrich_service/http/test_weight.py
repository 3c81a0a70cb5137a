"""Small bodies that become millions of objects are refused before the objects exist; no valid page is refused."""

from __future__ import annotations

import gzip
import json
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from common.settings.shared import DEFAULT_MODEL
from tests.integration.enrich_service.requests import ask
from tests.servers import AS_IN_THE_IMAGE, Service, running

ROOT = Path(__file__).resolve().parents[4]
MB = 1024 * 1024
MOST = 31 * MB
"""Just below the largest body."""
GROWTH = 250 * MB
REQUEST = json.loads((ROOT / "docs" / "examples" / "enrich-request.json").read_text(encoding="utf-8"))


def listed(item: bytes) -> bytes:
    """A list of the allowed length."""
    return b"[" + item * (MOST // len(item)) + b"0]"


def keys(n: int, value: bytes = b"0") -> bytes:
    return b"{" + b",".join(b'"%x":%b' % (number, value) for number in range(0x100000, 0x100000 + n)) + b"}"


@cache
def attacks() -> dict[str, bytes]:
    """The bodies, 300 MB together: built when a test uses them, not when a process imports this file."""
    return {
        "11 million objects": listed(b"{},"),
        "objects of one entry": listed(b'{"":0},'),
        "lists": listed(b"[],"),
        "a wide list of numbers": listed(b"0.5,"),
        "a wide list of zeros": listed(b"0,"),
        "short texts": listed(b'"ab",'),
        "1.5 million keys": keys(1_500_000),
        "1.5 million keys with texts": keys(1_500_000, b'"abcd"'),
        "a text of wide letters": b'["' + "\U0001f600".encode() + b"a" * (MOST - 100) + b'"]',
        "an object in a page": b'{"documents":[{"id":"1","source":' + keys(1_000_000) + b"}]}",
        "no end": listed(b"{},")[:-1],
        "half a surrogate pair": b'["\\ud800",' + b"1.5," * (2 * MB) + b"0]",
    }


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running(DEFAULT_MODEL, env={"OVERSIGHT_SERVE_TIMEOUT_S": "120", **AS_IN_THE_IMAGE}) as one:
        yield one


def peak_bytes(service: Service) -> int:
    """The peak memory of the worker since the last call."""
    (worker,) = service.workers()
    found = int(Path(f"/proc/{worker.pid}/status").read_text(encoding="ascii").partition("VmHWM:")[2].split()[0])
    Path(f"/proc/{worker.pid}/clear_refs").write_text("5", encoding="ascii")  # the kernel restarts its measurement
    return found * 1024


@pytest.mark.parametrize(
    ("path", "packed"),
    [("/v1/enrich", True), ("/v2/models/kdd99-mlp/infer", False)],  # both routes unpack and measure with the same code
    ids=["gzip", "plain"],
)
def test_no_request_makes_a_worker_large_and_health_responds(service: Service, path: str, packed: bool) -> None:
    """Every attack is refused with a message, or accepted with little memory; the worker keeps running."""
    workers = service.workers()
    for name, body in attacks().items():
        sent = gzip.compress(body, 1) if packed else body
        before = workers[0].memory_info().rss
        peak_bytes(service)
        with ThreadPoolExecutor(1) as client:
            answer = client.submit(ask, f"{service.url}{path}", sent, {"Content-Encoding": "gzip"} if packed else None)
            health = []
            while not answer.done():
                began = time.monotonic()
                assert ask(f"{service.url}/v2/health/live")[0] == 200
                health.append(time.monotonic() - began)
                time.sleep(0.05)
        assert answer.result()[0] in (200, 400, 413, 422), name
        assert peak_bytes(service) - before < GROWTH, name
        assert statistics.median(health) < 1.0, name
    assert service.workers() == workers


def test_a_refusal_says_why(service: Service) -> None:
    """It names the setting and what to do."""
    status, body = ask(f"{service.url}/v1/enrich", attacks()["11 million objects"])
    assert (status, body["error"]["type"]) == (413, "request_too_complex")
    assert "send fewer documents at once, or raise it" in body["error"]["message"]
    assert "OVERSIGHT_SERVE_MAX_BODY_BYTES" in body["error"]["message"]


def test_a_page_of_10_000_documents_with_all_features_is_accepted(service: Service) -> None:
    """As a watcher may send it, with as many other fields as a model of 500 features reads."""
    source = REQUEST["documents"][0]["source"]
    page = {"documents": [{"id": f"document-{i}", "source": source} for i in range(10_000)]}
    status, body = ask(f"{service.url}/v1/enrich", page)
    assert (status, len(body["results"])) == (200, 10_000)
    more = {f"f{i}": i / 8 for i in range(500)}
    page = {"documents": [{"id": f"document-{i}", "source": {**source, "many": more}} for i in range(3_000)]}
    sent = json.dumps(page, separators=(",", ":")).encode()
    assert 16 * MB < len(sent) < 32 * MB
    status, body = ask(f"{service.url}/v1/enrich", sent)
    assert (status, len(body["results"])) == (200, 3_000)
