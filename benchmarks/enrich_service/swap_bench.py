"""Switch the model many times under steady load: no answer may be lost or mix two versions.

python -m benchmarks.enrich_service.swap_bench [--rate 200] [--swaps 20] [--workers 2] [--clients 8]

A real `oversight serve` runs on a model folder with two versions of the shipped model. The second version has other
label names, so each result shows which version made it. Clients keep their connections, like the watcher, and do not
retry: a closed connection counts as a failure. `oversight model activate` activates a version. The time of a switch is
from the end of that command to the last answer of the old version. At the end the benchmark compares the memory of the
workers with that before the first switch.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import onnx
import orjson
import urllib3

from common.settings.shared import DEFAULT_MODEL
from contract.artifact.contract import METADATA_KEY, ModelContract
from contract.documents.paths import nest
from enrich_service.model.artifact import load
from enrich_service.model.model_file import read
from enrich_service.predict.enrich import Enricher
from enrich_service.predict.page import Page
from tests.servers import Service, running

PAGE = 5
"""Documents in one request."""
SETTLE_S = 15.0
"""Longest wait until all workers serve the activated version."""


@dataclass
class Load:
    """Clients that send requests at a steady rate, and the answers they got."""

    url: str
    body: bytes
    expected: dict[str, list[Any]]
    """By version: the expected values of each result, one entry for each document."""
    rate: float
    clients: int = 8
    statuses: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    mixed: list[str] = field(default_factory=list)
    last_seen_s: dict[str, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self) -> Iterator[Load]:
        """Send requests until the block ends."""
        threads = [threading.Thread(target=self._client, args=(number,)) for number in range(self.clients)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(30)

    def _client(self, number: int) -> None:
        interval_s = self.clients / self.rate
        due_s = time.monotonic() + interval_s * number / self.clients
        with urllib3.PoolManager(maxsize=1, retries=False) as pool:
            while not self._stop.wait(max(due_s - time.monotonic(), 0.0)):
                due_s = max(
                    due_s + interval_s, time.monotonic() - 1.0
                )  # after a stall, catch up for one second at most
                try:
                    answer = pool.request(
                        "POST",
                        f"{self.url}/v1/enrich",
                        body=self.body,
                        timeout=10,
                        headers={"Content-Type": "application/json"},
                    )
                    self._note(str(answer.status), answer.data)
                except urllib3.exceptions.HTTPError as error:
                    self._note(type(error).__name__, b"")

    def _note(self, status: str, data: bytes) -> None:
        page = orjson.loads(data) if status == "200" else None
        with self._lock:
            self.statuses[status] += 1
            if page is None:
                return
            version = page["model"]["version"]
            self.versions[version] += 1
            self.last_seen_s[version] = time.monotonic()
            found = [version_values(result) for result in page["results"]]
            if found != self.expected.get(version):
                self.mixed.append(f"{version}: {found}")


def version_values(result: Any) -> Any:
    """The values of a result that differ between the versions."""
    fields = result["fields"]["oversight"]
    prediction = fields["prediction"]
    return [fields["model"]["version"], prediction["label"], prediction["probability"], prediction["top"]]


def expectation(model: Path, sources: list[dict[str, Any]]) -> tuple[str, list[Any]]:
    """A version, and its results for some documents, computed without a server."""
    artifact = load(model)
    page = Page([str(n) for n in range(len(sources))], list(map(orjson.dumps, sources)))
    results = msgspec.to_builtins(Enricher(artifact).enrich(page))
    return artifact.version, [version_values(result) for result in orjson.loads(orjson.dumps(results))]


def documents(contract: ModelContract) -> list[dict[str, Any]]:
    """A harmless document, and some in which one value is the largest in the training data."""
    harmless = {feature.field: feature.background for feature in contract.features}
    extreme = [{feature.field: feature.maximum} for feature in contract.numeric[: PAGE - 1]]
    return [nest(harmless), *(nest({**harmless, **one}) for one in extreme)]


def request_body(sources: list[dict[str, Any]]) -> bytes:
    """The request for some documents."""
    return orjson.dumps({"documents": [{"id": str(n), "source": source} for n, source in enumerate(sources)]})


def activate(folder: Path, version: str) -> None:
    """Activate a version with the command, like an operator."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OVERSIGHT_")}
    subprocess.run(
        [sys.executable, "-m", "oversight", "model", "--model", str(folder), "activate", version],
        check=True,
        stdout=subprocess.DEVNULL,
        env=clean,
        timeout=60,
    )


def switch(load_: Load, change: Callable[[], None], version: str, old: str, *, quiet_s: float = 0.5) -> float:
    """Change the active version and wait until the old one gives no more answers; returns the seconds.

    Raises:
        TimeoutError: a worker still serves the old version.
    """
    change()
    began_s = time.monotonic()
    while time.monotonic() - began_s < SETTLE_S:
        time.sleep(0.05)
        silent_s = time.monotonic() - load_.last_seen_s.get(old, 0.0)
        if silent_s > quiet_s and load_.last_seen_s.get(version, 0.0) > began_s:
            return max(load_.last_seen_s.get(old, 0.0) - began_s, 0.0)
    raise TimeoutError(f"{old} still answers {SETTLE_S:g} s after {version} was activated")


def renamed(model: Path, target: Path) -> Path:
    """Write the same graph with other label names."""
    proto = onnx.load(model)
    contract = ModelContract.from_json(next(p.value for p in proto.metadata_props if p.key == METADATA_KEY))
    other = replace(contract, labels=tuple(replace(label, name=f"{label.name}_b") for label in contract.labels))
    onnx.helper.set_model_props(proto, {METADATA_KEY: other.to_json()})
    target.write_bytes(proto.SerializeToString())
    return target


def resident_bytes(service: Service) -> list[int]:
    """Resident memory of each worker."""
    return [worker.memory_info().rss for worker in service.workers()]


def main() -> None:
    """Run the load and print the results; exit with 1 if an answer was lost or mixed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--swaps", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--clients", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        ok = _measure(Path(name), arguments)
    sys.exit(0 if ok else 1)


def _measure(work: Path, arguments: argparse.Namespace) -> bool:
    files = [DEFAULT_MODEL, renamed(DEFAULT_MODEL, work / "other.onnx")]
    sources = documents(read(DEFAULT_MODEL).contract)
    versions = [read(file).version for file in files]
    folder = work / "live"
    for file in reversed(files):
        activate(folder, str(file))
    load_ = Load(
        "", request_body(sources), dict(expectation(file, sources) for file in files), arguments.rate, arguments.clients
    )
    with running(folder, options=["--workers", str(arguments.workers)]) as service:
        load_.url = service.url
        began_s, times = time.monotonic(), []
        with load_.running():
            time.sleep(2.0)
            before = resident_bytes(service)
            for number in range(arguments.swaps):
                old, new = versions[number % 2], versions[(number + 1) % 2]
                times.append(switch(load_, partial(activate, folder, new), new, old))
            after = resident_bytes(service)
        took_s = time.monotonic() - began_s
        errors = service.log.read_text(encoding="utf-8").count('"error"')
    answers = sum(load_.statuses.values())
    sys.stdout.write(
        f"{arguments.workers} workers, {arguments.clients} clients, {answers} requests of {PAGE} documents in "
        f"{took_s:.0f} s "
        f"({answers / took_s:.0f}/s)\n"
        f"answers by status: {dict(load_.statuses)}; by version: {dict(load_.versions)}; mixed answers: "
        f"{len(load_.mixed)}\n"
        f"swaps: {len(times)}; old version gone after {min(times):.1f} to {max(times):.1f} s; errors in the "
        f"log: {errors}\n"
        f"memory of the workers: {_mib(before)} MiB before, {_mib(after)} MiB after\n"
    )
    return set(load_.statuses) == {"200"} and not load_.mixed


def _mib(sizes: list[int]) -> str:
    return ", ".join(f"{size / 2**20:.0f}" for size in sizes)


if __name__ == "__main__":
    main()
