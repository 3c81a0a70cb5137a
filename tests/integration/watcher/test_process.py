"""`oversight watch` and `oversight status` as a user starts them: signals, exit codes, a kill in the middle
of a batch.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oversight.demo.ports import free_port
from tests import warm
from tests.integration.watcher.conftest import Place, event, events
from tests.integration.watcher.proxy import Call, FaultProxy, Reply, proxied
from tests.waiting import WAIT_S, wait_until
from watcher.enrich.client import STOP_GRACE_S


@pytest.fixture
def engine_url(embedded_url: str) -> str:
    """Signals and the end of a process do not depend on the engine."""
    return embedded_url


class Command:
    """Runs commands with the settings of one test."""

    def __init__(self, place: Place, engine_url: str, enrich_url: str, folder: Path) -> None:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("OVERSIGHT_", "ELASTICSEARCH_"))
        }
        self.folder = folder
        self.environment = {
            **kept,
            "ELASTICSEARCH_URL": engine_url,
            "OVERSIGHT_ENRICH_URL": enrich_url,
            "OVERSIGHT_NAMESPACE": place.index.rpartition("-")[2],
            "OVERSIGHT_WATCH_PAGE_SIZE": "20",
            "OVERSIGHT_WATCH_POLL_INTERVAL_S": "0.05",
            "OVERSIGHT_WATCH_BACKOFF_S": "0.05",
            "OVERSIGHT_WATCH_MAX_BACKOFF_S": "0.2",
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "oversight", *words],
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return warm.run(*words, env=self.environment, cwd=self.folder)


@pytest.fixture
def command(place: Place, engine_url: str, service: str, tmp_path: Path) -> Command:
    return Command(place, engine_url, service, tmp_path)


def test_once_enriches_everything_and_prints_the_counts(place: Place, command: Command) -> None:
    place.put({**events(50), "bad": event(0, turbine={})})
    done = command.run("watch", "--once", "--json")
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert (counts["enriched"], counts["failed"], counts["conflict"], counts["batches"]) == (50, 1, 0, 3)
    assert place.count("pending") == 0


def test_a_batch_is_one_line_of_the_log_without_any_document_in_it(place: Place, command: Command) -> None:
    place.put({"secret-free-id": event(1, user={"id": "a person's name"})})
    done = command.run("watch", "--once")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    batch = next(line for line in lines if line["event"].get("action") == "enrich-batch")
    assert batch["log.level"] == "info"
    assert batch["event"]["outcome"] == "success"
    assert batch["event"]["duration"] > 100_000
    assert batch["watcher"]["batch"] == {"size": 1, "enriched": 1}
    assert batch["oversight"]["model"]["id"] == "turbine"
    assert "a person's name" not in done.stdout
    assert "raw line" not in done.stdout


def test_once_with_a_service_that_is_down_ends_with_1_and_one_line(place: Place, command: Command) -> None:
    place.put(events(3))
    command.environment["OVERSIGHT_ENRICH_URL"] = f"http://127.0.0.1:{free_port()}"
    done = command.run("watch", "--once")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "start it with `oversight serve`" in done.stderr
    assert place.count("pending") == 3


def test_once_with_a_document_on_which_the_service_fails_ends_with_1_and_names_it(
    place: Place, command: Command, proxy: FaultProxy
) -> None:
    place.put(events(30))
    command.environment["OVERSIGHT_ENRICH_URL"] = proxy.url
    proxy.fault = lambda call, forward: Reply(500) if b'"doc-7"' in call.body else forward()
    done = command.run("watch", "--once")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"doc-7 in {place.index}" in done.stderr
    assert (place.count("enriched"), place.count("pending")) == (29, 1)


def test_once_without_an_index_says_how_to_make_one(place: Place, command: Command) -> None:
    command.environment["OVERSIGHT_NAMESPACE"] = "nobody"
    done = command.run("watch", "--once")
    assert done.returncode == 1
    assert "oversight provision" in done.stderr


def test_a_token_over_plain_http_to_another_machine_is_refused(command: Command) -> None:
    command.environment |= {"OVERSIGHT_ENRICH_URL": "http://192.0.2.1:8600", "OVERSIGHT_ENRICH_TOKEN": "tok-en"}
    done = command.run("watch", "--once")
    assert done.returncode == 64
    assert "OVERSIGHT_ALLOW_PLAIN_HTTP" in done.stderr
    assert "tok-en" not in done.stderr + done.stdout


def test_an_invalid_slice_is_refused_with_an_example(command: Command) -> None:
    done = command.run("watch", "--once", "--slice", "3/2")
    assert done.returncode == 64
    assert "such as 2/3" in done.stderr


def test_a_running_watcher_serves_its_metrics(place: Place, command: Command) -> None:
    place.put(events(40))
    port = free_port()
    command.environment |= {"OVERSIGHT_WATCH_METRICS_BIND": f"127.0.0.1:{port}", "OVERSIGHT_WATCH_HEARTBEAT_S": "0.2"}
    wanted = (
        'oversight_watcher_documents_total{outcome="enriched"} 40.0',
        "oversight_watcher_ingest_to_prediction_seconds_count 40.0",
        "oversight_watcher_pending_documents 0.0",
    )

    def all_there() -> bool:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=WAIT_S) as answer,
        ):
            text = answer.read().decode()
            return all(line in text for line in wanted)
        return False

    with command.start("watch", "--slices", "2") as process:
        wait_until(all_there, "the metrics")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT_S)
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_the_current_batch_and_ends_with_0(
    place: Place, command: Command, proxy: FaultProxy, number: signal.Signals
) -> None:
    place.put(events(60))
    command.environment["OVERSIGHT_ENRICH_URL"] = proxy.url
    arrived, go_on = threading.Event(), threading.Event()

    def hold(call: Call, forward: Callable[[], Reply]) -> Reply:
        if call.method == "POST":
            arrived.set()
            go_on.wait(2 * WAIT_S)
        return forward()

    proxy.fault = hold
    with command.start("watch") as process:
        assert arrived.wait(WAIT_S)
        process.send_signal(number)
        time.sleep(0.1)
        go_on.set()
        process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert place.count("enriched") == 20
    assert place.count("pending") == 40


def test_a_second_signal_ends_the_watcher_at_once(place: Place, command: Command, proxy: FaultProxy) -> None:
    place.put(events(5))
    command.environment["OVERSIGHT_ENRICH_URL"] = proxy.url
    arrived, never = threading.Event(), threading.Event()

    def hold(call: Call, forward: Callable[[], Reply]) -> Reply:
        if call.method == "POST":
            arrived.set()
            never.wait(2 * WAIT_S)
        return forward()

    proxy.fault = hold
    with command.start("watch") as process:
        assert arrived.wait(WAIT_S)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT_S)
        never.set()
    assert process.returncode == -signal.SIGTERM
    assert place.count("pending") == 5


def test_a_service_that_hangs_does_not_delay_the_end(place: Place, command: Command, proxy: FaultProxy) -> None:
    """The watcher waits for it within Docker's grace period, and the documents stay pending."""
    place.put(events(5))
    command.environment["OVERSIGHT_ENRICH_URL"] = proxy.url
    arrived, over = threading.Event(), threading.Event()

    def hold(call: Call, forward: Callable[[], Reply]) -> Reply:
        if call.method == "POST":
            arrived.set()
            over.wait(2 * WAIT_S)
        return forward()

    proxy.fault = hold
    with command.start("watch") as process:
        assert arrived.wait(WAIT_S)
        process.send_signal(signal.SIGTERM)
        signalled_s = time.monotonic()
        out, err = process.communicate(timeout=WAIT_S)
        took_s = time.monotonic() - signalled_s
        over.set()
    assert process.returncode == 0, err
    assert STOP_GRACE_S - 1 < took_s < WAIT_S / 2
    assert "did not answer within 8 s after the watcher was told to stop" in out
    assert place.count("pending") == 5


@pytest.fixture
def engine_proxy(engine_url: str) -> Iterator[FaultProxy]:
    with proxied(engine_url) as fault_proxy:
        yield fault_proxy


@pytest.mark.parametrize("moment", ["asking the model", "before the write", "after the write"])
def test_a_watcher_that_is_killed_in_a_batch_leaves_nothing_undone_or_done_twice(
    place: Place, command: Command, proxy: FaultProxy, engine_proxy: FaultProxy, service: str, moment: str
) -> None:
    """`kill -9` at the worst moments, then a new watcher: exactly one write enriches each document.

    The watcher requests the second page while it writes the first, so the test waits for that write: the engine
    may apply it although the killed process never reads the response.
    """
    place.put(events(60))
    arrived, killed, first_written = threading.Event(), threading.Event(), threading.Event()
    seen: list[Call] = []

    def hold(path: str, number: int, *, after: bool = False) -> Callable[[Call, Callable[[], Reply]], Reply]:
        def fault(call: Call, forward: Callable[[], Reply]) -> Reply:
            if call.method == "GET" or not call.path.startswith(path):
                return forward()
            seen.append(call)
            if len(seen) != number:
                return forward()
            reply = forward() if after else None
            arrived.set()
            killed.wait(2 * WAIT_S)
            return reply or Reply(0)

        return fault

    def note_writes(call: Call, forward: Callable[[], Reply]) -> Reply:
        reply = forward()
        if call.path.startswith("/_bulk"):
            first_written.set()
        return reply

    if moment == "asking the model":
        proxy.fault, engine_proxy.fault = hold("/v1/enrich", 2), note_writes
    else:
        first_written.set()
        engine_proxy.fault = hold("/_bulk", 2, after=moment == "after the write")
    command.environment |= {"OVERSIGHT_ENRICH_URL": proxy.url, "ELASTICSEARCH_URL": engine_proxy.url}
    with command.start("watch") as process:
        assert arrived.wait(WAIT_S)
        assert first_written.wait(WAIT_S)
        process.kill()
        process.communicate(timeout=WAIT_S)
        killed.set()
    assert place.count("enriched") == (40 if moment == "after the write" else 20)
    proxy.fault = engine_proxy.fault = None
    assert place.watch(service).trouble is None
    assert place.statuses() == ["enriched"] * 60
    assert place.versions() == {2}


def test_status_prints_for_people_and_for_scripts(place: Place, command: Command) -> None:
    place.put({**events(30), "bad": event(0, turbine={})})
    place.watch(command.environment["OVERSIGHT_ENRICH_URL"])
    place.put({"new": event(0)})
    counts = json.loads(command.run("status", "--json").stdout)
    assert (counts["pending"], counts["enriched"], counts["failed"]) == (1, 30, 1)
    text = command.run("status").stdout.splitlines()
    assert text[0] == place.index
    assert text[1].split()[:2] == ["pending", "1"]
    assert "days" in text[1]
    assert text[2].split() == ["enriched", "30"]
    assert any(line.split()[:2] == ["1", "missing_feature"] for line in text)


@pytest.mark.parametrize("words", [("status",), ("watch", "--once")])
def test_a_pattern_that_matches_no_index_is_one_clear_line(command: Command, words: tuple[str, ...]) -> None:
    command.environment["OVERSIGHT_INDEX"] = "nothing-at-all*"
    done = command.run(*words)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "nothing-at-all*" in done.stderr
    assert "oversight provision" in done.stderr


def test_status_without_a_stream_says_how_to_make_one(command: Command) -> None:
    command.environment["OVERSIGHT_NAMESPACE"] = "nobody"
    done = command.run("status")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "oversight provision" in done.stderr
