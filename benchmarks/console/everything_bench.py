"""A verdict and an export over a filter that matches everything, through a real console: time, memory, exact counts.

python -m benchmarks.console.everything_bench --url http://127.0.0.1:9200 [--documents 1000000]

    filters ──▶ point in time, count ──▶ verdict on all ──▶ counted again in the engine
            └─▶ export as JSON lines, part by part ──▶ lines and ids counted

The events are as small as alerts can be, in a plain index of their own that is deleted at the end. The memory is the
highest resident memory of the console's processes. Of the engine it prints how often a circuit breaker tripped and
the highest heap in use; other programs may use the same engine.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import psutil
from elasticsearch import Elasticsearch
from elasticsearch.helpers import parallel_bulk

from console.verdicts.people import add_person
from contract.documents.fields import FIELDS, properties
from oversight.demo.ports import free_port

WAIT_S = 60.0
SAMPLE_S = 0.2
FILTERS = {"from": "now-2d", "kind": "alert"}
MB = 1024 * 1024


def main() -> None:
    """Fill an index, judge and export all of it, print what that took."""
    options = _options()
    if options.url is None:
        sys.stdout.write("name an engine with --url, such as the OpenSearch of ../shared/realengine\n")
        return
    index = f"bench-all-{uuid.uuid4().hex[:8]}"
    with Elasticsearch(options.url, request_timeout=300) as es:
        es.indices.create(
            index=index,
            mappings={"dynamic": False, "properties": properties(FIELDS)},
            settings={"number_of_shards": 1, "number_of_replicas": 0},
        )
        try:
            _fill(es, index, options.documents)
            with _console(options.url, index) as (process, person), Watch(es, process) as watch:
                _judge(es, index, person, watch, options.documents)
                _export(person, watch, options.documents)
        finally:
            es.indices.delete(index=index)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A verdict and an export over everything.")
    parser.add_argument("--url", help="an engine")
    parser.add_argument("--documents", type=int, default=1_000_000)
    return parser.parse_args()


def _fill(es: Elasticsearch, index: str, n: int) -> None:
    began, end = time.monotonic(), datetime.now(UTC)

    def actions() -> Iterator[dict[str, Any]]:
        for number in range(n):
            when = (end - timedelta(seconds=86_400 * (n - number) / n)).isoformat(timespec="milliseconds")
            source = {
                "@timestamp": when,
                "event": {"kind": "alert", "severity": 73, "risk_score": number % 100, "ingested": when},
                "source": {"ip": f"10.0.{number // 250 % 250}.{number % 250}"},
                "oversight": {"status": "enriched", "prediction": {"label": "neptune", "family": "dos", "at": when}},
            }
            yield {"_op_type": "create", "_index": index, "_id": f"{number:064x}", "_source": source}

    written = sum(ok for ok, _ in parallel_bulk(es, actions(), thread_count=2, chunk_size=2_000))
    es.indices.refresh(index=index)
    sys.stderr.write(f"{written:,} alerts in {time.monotonic() - began:.0f} s\n")


@dataclass
class Person:
    """Someone who has signed in."""

    port: int
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    def sign_in(self) -> None:
        """Get a cookie and the token of the session."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        connection.request("GET", "/api/login", headers={"Authorization": f"Bearer {self.token}"})
        response = connection.getresponse()
        cookie = str(response.getheader("Set-Cookie")).partition(";")[0]
        connection.close()
        self.headers = {"Cookie": cookie, "Origin": f"http://127.0.0.1:{self.port}", "Content-Type": "application/json"}
        self.headers["X-Oversight-CSRF"] = self.ask("GET", "/api/session")["csrf"]

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and return the JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers=self.headers)
            response = connection.getresponse()
            found: dict[str, Any] = json.loads(response.read())
            if response.status != http.HTTPStatus.OK:
                raise SystemExit(f"{path} answers {response.status}: {found}")
            return found
        finally:
            connection.close()


@contextlib.contextmanager
def _console(url: str, index: str) -> Iterator[tuple[psutil.Popen, Person]]:
    """A console that takes verdicts, and a person who has signed in."""
    inherited = {
        name: text for name, text in os.environ.items() if not name.startswith(("OVERSIGHT_", "ELASTICSEARCH_"))
    }
    with tempfile.TemporaryDirectory() as folder:
        people, port = Path(folder) / "people", free_port()
        person = Person(port, add_person(people, "ann", setting="OVERSIGHT_CONSOLE_PEOPLE_FILE"))
        environment = {
            **inherited,
            "ELASTICSEARCH_URL": url,
            "OVERSIGHT_INDEX": index,
            "OVERSIGHT_STATE": folder,
            "OVERSIGHT_CONSOLE_PEOPLE_FILE": str(people),
        }
        command = [sys.executable, "-m", "oversight", "console", "--verdicts", "--bind", f"127.0.0.1:{port}"]
        process = psutil.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + WAIT_S
            while not person.headers:
                try:
                    person.sign_in()
                except OSError:
                    if time.monotonic() > deadline or process.poll() is not None:
                        raise
                    time.sleep(0.2)
            yield process, person
        finally:
            process.terminate()
            process.wait(timeout=30)


class Watch:
    """Samples the memory of the console and the heap of the engine.

    Args:
        es: the engine.
        process: the console.
    """

    def __init__(self, es: Elasticsearch, process: psutil.Popen) -> None:
        self._es, self._process, self._end = es, process, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.most_mb = self.heap_percent = 0.0
        self.first_mb, self._tripped = self._memory_mb(), self._engine()[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def said(self) -> str:
        """What was seen so far, in words; begins again."""
        heap, tripped = self._engine()
        found = (
            f"console {self.first_mb:.0f} MB before, at most {self.most_mb:.0f} MB; engine's heap at most "
            f"{max(heap, self.heap_percent):.0f} %, breakers tripped {tripped - self._tripped}"
        )
        self.most_mb, self.heap_percent, self.first_mb = 0.0, 0.0, self._memory_mb()
        return found

    def _run(self) -> None:
        while not self._end.wait(SAMPLE_S):
            self.most_mb = max(self.most_mb, self._memory_mb())
            with contextlib.suppress(Exception):  # a busy engine; the next sample counts
                self.heap_percent = max(self.heap_percent, self._engine()[0])

    def _memory_mb(self) -> float:
        processes = [self._process, *self._process.children(recursive=True)]
        return float(sum(one.memory_info().rss for one in processes)) / MB

    def _engine(self) -> tuple[float, int]:
        nodes = self._es.nodes.stats(metric=["jvm", "breaker"])["nodes"].values()
        heap = max(float(node["jvm"]["mem"]["heap_used_percent"]) for node in nodes)
        return heap, sum(breaker["tripped"] for node in nodes for breaker in node["breakers"].values())


def _judge(es: Elasticsearch, index: str, person: Person, watch: Watch, n: int) -> None:
    began = time.monotonic()
    point = person.ask("POST", "/api/verdicts/point", {"page": "events", "query": urlencode(FILTERS)})
    counted_s = time.monotonic() - began
    body = {"request": secrets.token_hex(16), "verdict": "true_positive", "point": point["point"]}
    state = person.ask("POST", "/api/verdicts", body)
    while not state["ended"]:
        time.sleep(0.4)
        state = person.ask("GET", f"/api/verdicts/{state['job']}")
    took = time.monotonic() - began
    judged = es.count(index=index, query={"term": {"oversight.feedback.by": "ann"}})["count"]
    sys.stdout.write(
        f"verdict: {state['written']:,} of {point['count']:,} in {took:.0f} s ({state['written'] / took:,.0f}/s), "
        f"{judged:,} in the engine, counted first in {counted_s:.2f} s, problem: {state['problem']}\n"
        f"         {watch.said()}\n"
    )
    assert state["written"] == point["count"] == judged == n  # noqa: S101  the benchmark measures nothing otherwise


def _export(person: Person, watch: Watch, n: int) -> None:
    part: dict[str, Any] = {"page": 0, "list": "", "more": True}
    began, lines, size, ids = time.monotonic(), 0, 0, set[str]()
    while part["more"]:
        query = urlencode({**FILTERS, "format": "jsonl", "page": part["page"] + 1, "list": part["list"]})
        part = person.ask("GET", f"/api/export?{query}")
        rows = part["text"].splitlines()
        lines, size = lines + len(rows), size + len(part["text"])
        ids.update(json.loads(row)["_id"] for row in rows)
    took = time.monotonic() - began
    sys.stdout.write(
        f"export:  {lines:,} lines, {len(ids):,} ids, {size / MB:,.0f} MB in {took:.0f} s ({lines / took:,.0f}/s)\n"
        f"         {watch.said()}\n"
    )
    assert lines == len(ids) == n  # noqa: S101  as above


if __name__ == "__main__":
    main()
