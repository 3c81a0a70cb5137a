"""SIGKILL at random moments: to a watcher, to a worker of the enrich service, to the whole enrich service."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.injector import Forward, slowed
from tests.faults.processes import EnrichService
from tests.faults.scale import FORM, on
from tests.faults.trial import Trial
from tests.faults.trial_index import TrialIndex
from tests.integration.watcher.proxy import Call, FaultProxy, Reply, proxied
from tests.waiting import wait_until

SEED = 20
PAGE, DOCUMENTS = 20, 120


@pytest.mark.parametrize("engine", on("opensearch", "elasticsearch"))
def test_a_watcher_killed_at_random_moments_loses_and_doubles_nothing(trial_index: TrialIndex, service: str) -> None:
    """Kills some watchers at their start, most at work; the last watcher finishes the remaining documents."""
    rng, in_the_middle = random.Random(SEED), 0
    ledger = trial_index.ledger("killed")
    with proxied(service) as proxy, Trial("watcher", "SIGKILL at random moments", trial_index.engine, ledger) as trial:
        proxy.fault = slowed(0.03)
        for _ in range(FORM.watcher_kills):
            ledger.put(DOCUMENTS)
            before = ledger.left()
            watcher = trial_index.watcher(proxy.url)
            _wait_for_a_moment(rng, proxy, pages=before // PAGE)
            watcher.kill()
            trial.tries += 1
            in_the_middle += 0 < ledger.left() < before
        last = trial_index.watcher(proxy.url)
        trial.settle([last])
        last.stop()
    assert in_the_middle >= max(1, FORM.watcher_kills // 3), "too few kills hit a watcher at work"


def _wait_for_a_moment(rng: random.Random, proxy: FaultProxy, *, pages: int) -> None:
    """Wait until a random page is being enriched, and a little longer, or for a random time after the start."""
    page = rng.randint(0, pages)
    if page == 0:
        time.sleep(rng.uniform(0.0, 1.0))
        return
    so_far = len(proxy.requests("/v1/enrich"))
    wait_until(lambda: len(proxy.requests("/v1/enrich")) >= so_far + page, "a watcher at work")
    time.sleep(rng.uniform(0.0, 0.03))


class KillDuringRequests:
    """A fault of a proxy that kills a process while a request is in progress.

    Args:
        kill: kills a process; returns False if it killed none.
        wanted: number of kills.
        share: share of the requests during which it kills.
    """

    def __init__(self, kill: Callable[[], bool], *, wanted: int, share: float = 0.4) -> None:
        self._kill, self._share, self._rng, self._lock = kill, share, random.Random(SEED), threading.Lock()
        self.wanted, self.done = wanted, 0

    def __call__(self, call: Call, forward: Forward) -> Reply:
        """Forward the request, and kill within the next milliseconds."""
        with self._lock:
            due = call.method == "POST" and self.done < self.wanted and self._rng.random() < self._share
            pause_s = self._rng.uniform(0.0, 0.004)
        if due:
            threading.Timer(pause_s, self._strike).start()
        return forward()

    def _strike(self) -> None:
        with self._lock:
            if self.done < self.wanted and self._kill():
                self.done += 1


@pytest.fixture
def killable(model: Path) -> Iterator[EnrichService]:
    """An enrich service that the test may kill."""
    service = EnrichService(model)
    yield service
    service.stop()


@pytest.mark.parametrize("engine", on("opensearch"))
def test_killed_workers_of_the_service_cost_no_document(trial_index: TrialIndex, killable: EnrichService) -> None:
    """Kills a worker while a request is in progress, on that worker or the other one."""
    rng, ledger = random.Random(SEED), trial_index.ledger("workers")

    def kill_one() -> bool:
        workers = killable.workers()
        if len(workers) == 2:  # the service has replaced the one killed before
            rng.choice(workers).kill()
        return len(workers) == 2

    killer = KillDuringRequests(kill_one, wanted=FORM.worker_kills)
    fault = "SIGKILL of a worker while a request is under way"
    with proxied(killable.url) as proxy, Trial("enrich service", fault, trial_index.engine, ledger) as trial:
        proxy.fault = trial.counted(killer)
        with trial_index.watcher(proxy.url) as watcher:
            while killer.done < killer.wanted:
                ledger.put(DOCUMENTS)
                trial.settle([watcher])
            watcher.stop()


@pytest.mark.parametrize("engine", on("elasticsearch"))
def test_a_killed_enrich_service_costs_no_document(trial_index: TrialIndex, killable: EnrichService) -> None:
    """Kills all its processes at once. Its port refuses connections for a while, then the service starts again."""
    rng, ledger = random.Random(SEED), trial_index.ledger("service")
    with (
        Trial("enrich service", "SIGKILL of all its processes, later a restart", trial_index.engine, ledger) as trial,
        trial_index.watcher(killable.url) as watcher,
    ):
        for _ in range(FORM.service_kills):
            ledger.put(DOCUMENTS)
            time.sleep(rng.uniform(0.0, 0.3))
            killable.kill()
            trial.tries += 1
            ledger.put(PAGE)
            time.sleep(rng.uniform(0.0, 0.5))
            killable.start()
            trial.settle([watcher])
        watcher.stop()
