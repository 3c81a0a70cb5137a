"""SIGKILL at random moments: of a watcher, of a worker of the enrich service, of the whole enrich service."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.ground import Ground
from tests.faults.injector import Forward, slowed
from tests.faults.processes import EnrichService
from tests.faults.scale import NOW, on
from tests.faults.trial import Trial
from tests.integration.watcher.proxy import Call, FaultProxy, Reply, proxied
from tests.waiting import wait_until

SEED = 20
PAGE, DOCUMENTS = 20, 120


@pytest.mark.parametrize("engine", on("opensearch", "elasticsearch"))
def test_a_watcher_that_is_killed_at_random_moments_loses_and_doubles_nothing(ground: Ground, service: str) -> None:
    """Some die as they start, most in the middle of their work; the last one finishes what all of them left."""
    rng, in_the_middle = random.Random(SEED), 0
    ledger = ground.ledger("killed")
    with proxied(service) as proxy, Trial("watcher", "SIGKILL at random moments", ground.engine, ledger) as trial:
        proxy.fault = slowed(0.03)
        for _ in range(NOW.watcher_kills):
            ledger.put(DOCUMENTS)
            before = ledger.left()
            watcher = ground.watcher(proxy.url)
            _wait_for_a_moment(rng, proxy, pages=before // PAGE)
            watcher.kill()
            trial.tries += 1
            in_the_middle += 0 < ledger.left() < before
        last = ground.watcher(proxy.url)
        trial.settle([last])
        last.stop()
    assert in_the_middle >= max(1, NOW.watcher_kills // 3), "too few of the kills met a watcher at work"


def _wait_for_a_moment(rng: random.Random, proxy: FaultProxy, *, pages: int) -> None:
    """Until a random page is being enriched, and a little longer; or a random time from the start."""
    page = rng.randint(0, pages)
    if page == 0:
        time.sleep(rng.uniform(0.0, 1.0))
        return
    so_far = len(proxy.requests("/v1/enrich"))
    wait_until(lambda: len(proxy.requests("/v1/enrich")) >= so_far + page, "a watcher at work")
    time.sleep(rng.uniform(0.0, 0.03))


class Assassin:
    """A fault of a proxy: while a request is under way, somebody is killed.

    Args:
        kill: does it; False if there was nobody.
        wanted: how often.
        share: of the requests.
    """

    def __init__(self, kill: Callable[[], bool], *, wanted: int, share: float = 0.4) -> None:
        self._kill, self._share, self._rng, self._lock = kill, share, random.Random(SEED), threading.Lock()
        self.wanted, self.done = wanted, 0

    def __call__(self, call: Call, forward: Forward) -> Reply:
        """Pass the request on, and strike within the next milliseconds."""
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
def mortal(model: Path) -> Iterator[EnrichService]:
    """An enrich service that may be killed."""
    service = EnrichService(model)
    yield service
    service.stop()


@pytest.mark.parametrize("engine", on("opensearch"))
def test_killed_workers_of_the_enrich_service_cost_no_document(ground: Ground, mortal: EnrichService) -> None:
    """Killed while a request is under way, which may be theirs."""
    rng, ledger = random.Random(SEED), ground.ledger("workers")

    def kill_one() -> bool:
        workers = mortal.workers()
        if len(workers) == 2:  # the one before has been replaced
            rng.choice(workers).kill()
        return len(workers) == 2

    assassin = Assassin(kill_one, wanted=NOW.worker_kills)
    fault = "SIGKILL of a worker while a request is under way"
    with proxied(mortal.url) as proxy, Trial("enrich service", fault, ground.engine, ledger) as trial:
        proxy.fault = trial.made(assassin)
        with ground.watcher(proxy.url) as watcher:
            while assassin.done < assassin.wanted:
                ledger.put(DOCUMENTS)
                trial.settle([watcher])
            watcher.stop()


@pytest.mark.parametrize("engine", on("elasticsearch"))
def test_a_killed_enrich_service_costs_no_document(ground: Ground, mortal: EnrichService) -> None:
    """All its processes at once; for a while its port refuses connections, then it is back."""
    rng, ledger = random.Random(SEED), ground.ledger("service")
    with (
        Trial("enrich service", "SIGKILL of all its processes, later a new start", ground.engine, ledger) as trial,
        ground.watcher(mortal.url) as watcher,
    ):
        for _ in range(NOW.service_kills):
            ledger.put(DOCUMENTS)
            time.sleep(rng.uniform(0.0, 0.3))
            mortal.kill()
            trial.tries += 1
            ledger.put(PAGE)
            time.sleep(rng.uniform(0.0, 0.5))
            mortal.start()
            trial.settle([watcher])
        watcher.stop()
