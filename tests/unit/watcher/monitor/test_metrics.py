"""The metrics of a watcher: their names are those in the docs, their values come from its facts."""

from __future__ import annotations

import json
import logging
import re
import socket
import struct
import urllib.error
import urllib.request
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from common.settings.shared import OversightSettings
from contract.documents.heartbeats import FIELDS
from contract.errors import EndpointUnavailableError
from tests.conftest import ROOT
from tests.waiting import WAIT_S
from watcher.enrich.circuit_breaker import Breaker
from watcher.monitor.blocked_indices import Blocked
from watcher.monitor.facts import Backlog, Facts
from watcher.monitor.metrics import serving
from watcher.settings import WatchRun, WatchSettings
from watcher.totals import DocumentOutcome, Totals


def some_facts() -> Facts:
    totals, blocked = Totals(), Blocked(60.0)
    totals.add({DocumentOutcome.ENRICHED: 3, DocumentOutcome.FAILED: 1, DocumentOutcome.CONFLICT: 1}, batches=2)
    blocked.refused("full", "cluster_block_exception")
    config = WatchRun(OversightSettings(index="logs-x"), WatchSettings(slice="2/3"))
    facts = Facts(config, totals=totals, breaker=Breaker(), blocked=blocked)
    facts.wrote(
        Counter({DocumentOutcome.ENRICHED: 3, DocumentOutcome.FAILED: 1}),
        delays_s=[0.2, 0.3, 4000.0],
        refusals={"missing_feature": 1},
        retries=2,
    )
    facts.backlog = Backlog(7, 1.5)
    facts.works()
    return facts


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_docs_list_every_metric_and_no_other() -> None:
    with serving("127.0.0.1:0", some_facts()) as url:
        text = get(f"{url}/metrics")[1]
    served = set(re.findall(r"^# TYPE (oversight_watcher\w*)", text, re.MULTILINE))
    page = (ROOT / "docs" / "watching.md").read_text(encoding="utf-8")
    assert served == set(re.findall(r"^\| `(oversight_watcher\w*)", page, re.MULTILINE))


def test_the_values_are_those_of_the_facts() -> None:
    with serving("127.0.0.1:0", some_facts()) as url:
        text = get(f"{url}/metrics")[1]
    found = {
        (sample.name.removeprefix("oversight_watcher_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["documents_total", "enriched"] == 3
    assert found["documents_total", "conflict"] == 1
    assert found["batches_total",] == 2
    assert found["retries_total", "elasticsearch"] == 2
    assert found["failures_total", "missing_feature"] == 1
    assert (found["pending_documents",], found["oldest_pending_seconds",]) == (7, 1.5)
    assert (found["breaker_state", "closed"], found["breaker_state", "open"]) == (1, 0)
    assert found["parked_indices",] == 1
    below = [found["ingest_to_prediction_seconds_bucket", bound] for bound in ("0.1", "0.25", "0.5", "3600.0", "+Inf")]
    assert below == [0, 1, 2, 2, 3]
    assert found["ingest_to_prediction_seconds_count",] == 3


def test_a_watcher_that_waits_is_live_and_not_ready() -> None:
    facts = some_facts()
    with serving("127.0.0.1:0", facts) as url:
        assert get(f"{url}/health/live")[0] == 200
        assert get(f"{url}/health/ready") == (200, '{"ready":true,"state":"working"}')
        facts.waits(EndpointUnavailableError("the enrich service is away"))
        status, body = get(f"{url}/health/ready")
        assert (status, json.loads(body)) == (503, {"ready": False, "state": "the enrich service is away"})
        assert get(f"{url}/health/live")[0] == 200
        assert get(f"{url}/else")[0] == 404


@pytest.mark.parametrize("path", ["/metrics", "/health/live", "/health/ready"])
def test_other_methods_are_refused(path: str) -> None:
    with serving("127.0.0.1:0", some_facts()) as url:
        try:
            with urllib.request.urlopen(f"{url}{path}", data=b"x", timeout=WAIT_S) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            with error:
                status = error.code
    assert status == 405


def test_a_client_that_disconnects_early_stops_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """It prints nothing either: a request is no line of the watcher's log."""
    with serving("127.0.0.1:0", some_facts()) as url:
        assert url is not None
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        for head in (b"", b"GET /met", b"GET /metrics HTTP/1.1\r\n\r\n", b"\x16\x03\x01 no http\r\n\r\n"):
            with socket.create_connection(address, timeout=WAIT_S) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with a reset
                client.sendall(head)
        assert get(f"{url}/health/live")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_a_port_in_use_is_reported_once_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serving(f"127.0.0.1:{port}", some_facts()) as url:
            assert url is None
    lines = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(lines) == 1
    assert "OVERSIGHT_WATCH_METRICS_BIND" in lines[0]


def test_a_heartbeat_has_exactly_the_fields_of_the_contract() -> None:
    facts = some_facts()
    facts.waits(EndpointUnavailableError("away"))

    def paths(document: object, prefix: str = "") -> set[str]:
        if not isinstance(document, dict):
            return {prefix}
        return {path for key, value in document.items() for path in paths(value, f"{prefix}.{key}" if prefix else key)}

    written = paths(facts.document())
    assert written <= {field.name for field in FIELDS}
    assert {field.name for field in FIELDS} - written == {"oversight.model.id", "oversight.model.version"}
