"""Several watchers at once, watchers that start and stop, and another writer on the same documents."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import pytest

from tests.faults.injector import slowed
from tests.faults.ledger import OTHERS, Ledger
from tests.faults.processes import Watcher
from tests.faults.scale import FORM, SOAK, on
from tests.faults.trial import Trial
from tests.faults.trial_index import TrialIndex
from tests.integration.watcher.proxy import FaultProxy, proxied
from tests.waiting import WAIT_S, wait_until

SEED = 22
DOCUMENTS = 3_000 if FORM is SOAK else 600
TOGETHER: dict[str, tuple[tuple[str, ...], list[tuple[str, ...]]]] = {
    "two at once": (("embedded",), [(), ()]),
    "two at once, each with --slices 2": ((), [("--slices", "2")] * 2),
    "four at once": (("elasticsearch",), [()] * 4),
    "four at once, with --slice 1/4 to 4/4": (("opensearch",), [("--slice", f"{number}/4") for number in (1, 2, 3, 4)]),
}


def together() -> Iterator[Any]:
    """Each combination of watchers, on its engines."""
    for name, (short, _) in TOGETHER.items():
        for one in on(*short):
            yield pytest.param(
                name, *one.values, marks=one.marks, id=f"{name}-{one.values[0]}".replace(",", "").replace(" ", "-")
            )


@pytest.mark.parametrize(("name", "engine"), list(together()))
def test_watchers_at_once_write_each_document_once(trial_index: TrialIndex, service: str, name: str) -> None:
    ledger, options = trial_index.ledger("many"), TOGETHER[name][1]
    ledger.put(DOCUMENTS)
    with Trial("several watchers", name, trial_index.engine, ledger) as trial, ExitStack() as stack:
        watchers = [stack.enter_context(trial_index.watcher(service, *each)) for each in options]
        trial.tries = len(watchers)
        trial.settle(watchers)
        counts = [watcher.stop() for watcher in watchers]
    assert sum(each["enriched"] + each["failed"] for each in counts) == DOCUMENTS


@pytest.mark.parametrize("engine", on("embedded"))
def test_watchers_that_start_and_stop_lose_and_double_nothing(trial_index: TrialIndex, service: str) -> None:
    """Up to four at once; at random moments one is killed or stopped, and another one starts."""
    rng, ledger = random.Random(SEED), trial_index.ledger("coming")
    with Trial("several watchers", "they start, and are killed or stopped", trial_index.engine, ledger) as trial:
        running: list[Watcher] = []
        try:
            for _ in range(FORM.arrivals):
                ledger.put(DOCUMENTS // 6)
                running.append(trial_index.watcher(service))
                time.sleep(rng.uniform(0.2, 0.8))
                if len(running) == 4 or rng.random() < 0.4:
                    leaving = running.pop(rng.randrange(len(running)))
                    leaving.kill() if rng.random() < 0.7 else leaving.end()
                    trial.tries += 1
            running.append(trial_index.watcher(service))
            trial.settle(running)
        finally:
            for watcher in running:
                watcher.kill()


@pytest.mark.parametrize("engine", on("embedded"))
def test_a_watcher_that_is_frozen_and_resumes_later_doubles_nothing(trial_index: TrialIndex, service: str) -> None:
    """Like a paused virtual machine: it holds a page, and another watcher writes that page meanwhile."""
    rng, ledger = random.Random(SEED), trial_index.ledger("frozen")
    with (
        proxied(service) as proxy,
        Trial("several watchers", "one of two is frozen at work, later resumes", trial_index.engine, ledger) as trial,
        trial_index.watcher(proxy.url) as first,
    ):
        wait_until(lambda: bool(proxy.requests("/v1/model")), "a watcher at work")
        with trial_index.watcher(service) as second:
            wait_until(second.has_started, "a watcher to start")
            for _ in range(FORM.freezes):
                so_far = len(proxy.requests("/v1/enrich"))
                ledger.put(DOCUMENTS // 6)
                _until_it_asks(proxy, so_far, rng.uniform(0.0, 0.02))
                first.process.send_signal(signal.SIGSTOP)
                trial.tries += 1
                time.sleep(rng.uniform(0.2, 0.8))
                first.process.send_signal(signal.SIGCONT)
                trial.settle([first, second])
            first.stop()
            second.stop()


def _until_it_asks(proxy: FaultProxy, so_far: int, later_s: float) -> None:
    """Wait until the watcher sends a page, at most 2 s: the other watcher may have taken it."""
    deadline = time.monotonic() + 2.0
    while len(proxy.requests("/v1/enrich")) == so_far and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(later_s)


class OtherWriter:
    """Writes another field into random documents, and records each successful write in the ledger.

    Args:
        trial_index: the index.
        ledger: the documents.
    """

    def __init__(self, trial_index: TrialIndex, ledger: Ledger) -> None:
        self._ground, self._ledger, self._enough = trial_index, ledger, threading.Event()
        self._requests = 0
        self._executor = ThreadPoolExecutor(1)
        self._work = self._executor.submit(self._run)

    @property
    def done(self) -> int:
        """Number of successful writes."""
        return sum(entry.writes for entry in self._ledger.entries.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._enough.set()
        self._executor.shutdown()

    def stop(self) -> None:
        """Stop, and raise an error of the writing thread."""
        self._enough.set()
        self._work.result(WAIT_S)

    def _run(self) -> None:
        rng, ids = random.Random(SEED), list(self._ledger.entries)
        while not self._enough.wait(0.01):
            self._write(rng.sample(ids, 10))

    def _write(self, ids: Sequence[str]) -> None:
        operations: list[dict[str, Any]] = []
        for place, doc_id in enumerate(ids):
            target = {"_index": self._ledger.entries[doc_id].index, "_id": doc_id}
            operations += [{"update": target}, {"doc": {OTHERS: {"value": self._requests * 100 + place}}}]
        answer = self._ground.es.bulk(operations=operations)
        for place, (doc_id, item) in enumerate(zip(ids, answer["items"], strict=True)):
            if item["update"]["status"] == 200:  # 409: the watcher was faster, and this write did not happen
                self._ledger.wrote(doc_id, self._requests * 100 + place)
        self._requests += 1


@pytest.mark.parametrize("engine", on("embedded", "elasticsearch"))
def test_another_writer_and_the_watcher_keep_what_the_other_wrote(trial_index: TrialIndex, service: str) -> None:
    """`_version` is 1 for the creation, plus its writes, plus 1 for the watcher. Its last value and every raw field
    are unchanged.
    """
    ledger = trial_index.ledger("others")
    ledger.put(DOCUMENTS // 2)
    with (
        proxied(service) as proxy,
        Trial("another writer", "on the same documents", trial_index.engine, ledger) as trial,
    ):
        proxy.fault, other = slowed(0.03), trial.counted(OtherWriter(trial_index, ledger))
        with trial_index.watcher(proxy.url) as watcher, other:
            wait_until(lambda: bool(proxy.requests("/v1/enrich")), "a watcher at work")
            time.sleep(FORM.others_s)
            other.stop()
            trial.settle([watcher])
            conflicts = watcher.stop()["conflict"]
    assert conflicts, "the two never wrote the same document at the same time"
