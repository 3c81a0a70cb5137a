"""Broken connections and wrong answers between a running watcher and its two servers.

watcher ──▶ proxy ──▶ engine            faults of a network, a gateway or an overloaded node
   └──────▶ proxy ──▶ enrich service    answers of a broken service

On each engine the same watcher runs through all faults, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.injector import (
    Damage,
    Injector,
    OtherIds,
    another_order,
    busy,
    cut_after,
    cut_before,
    cut_in_answer,
    cut_in_request,
    delay,
    drip,
    failure,
    fewer_results,
    garbage,
    gateway,
    half,
    hang,
    hang_after,
)
from tests.faults.processes import Watcher
from tests.faults.scale import FORM, MARKS, on
from tests.faults.trial import Trial
from tests.faults.trial_index import TrialIndex, trial_index_on
from tests.integration.watcher.proxy import FaultProxy, proxied

SEED = 21
Damages = Callable[[FaultProxy], Sequence[Damage]]

TO_THE_ENGINE: dict[str, Damages] = {
    "a bulk request is done and its answer is lost": lambda _: [cut_after],
    "the connection breaks before a bulk request": lambda _: [cut_before],
    "the connection breaks in a bulk request": lambda proxy: [cut_in_request(proxy)],
    "the connection breaks in the answer to a bulk request": lambda _: [cut_in_answer],
    "a bulk request is done and never answered": lambda _: [hang_after],
    "a bulk request is done and a gateway answers": lambda _: [gateway(200), gateway(502), gateway(504)],
    "a gateway answers anything with a page": lambda _: [gateway(200), gateway(502), gateway(504)],
    "bulk requests are answered late": lambda _: [delay(0.4)],
    "bulk requests are answered 429 with Retry-After": lambda _: [busy(429)],
    "bulk requests are answered 503 with Retry-After": lambda _: [busy(503)],
}
OF_THE_SERVICE: dict[str, Damages] = {
    "hangs": lambda _: [hang],
    "answers slowly, in pieces": lambda _: [drip(0.8), drip(4.0)],
    "answers half": lambda _: [half, cut_in_answer],
    "answers garbage": lambda _: [garbage],
    "answers 500": lambda _: [failure],
    "answers 429 and 503 with Retry-After": lambda _: [busy(429), busy(503)],
    "answers fewer results than documents": lambda _: [fewer_results],
    "answers results in another order": lambda _: [another_order],
    "answers results of other documents": lambda _: [OtherIds()],
}
ON_ANY_REQUEST = {"a gateway answers anything with a page"}
ENGINES_IN_SHORT = {
    "a bulk request is done and its answer is lost": list(MARKS),
    "a bulk request is done and never answered": [],  # each takes a whole timeout
}


@dataclass(frozen=True)
class Lab:
    """A running watcher with a proxy on each of its two connections."""

    trial_index: TrialIndex
    engine: FaultProxy
    service: FaultProxy
    watcher: Watcher


class Labs:
    """The labs of this module, one for each engine that a test needs."""

    def __init__(self, stack: ExitStack, service: str, folder: Path) -> None:
        self._stack, self._service, self._folder = stack, service, folder
        self._open: dict[str, Lab] = {}

    def on(self, engine: str, url: str, namespace: str) -> Lab:
        """The lab on this engine."""
        if engine not in self._open:
            folder = self._folder / engine
            folder.mkdir(exist_ok=True)
            trial_index = self._stack.enter_context(trial_index_on(engine, url, namespace, folder))
            to_engine = self._stack.enter_context(proxied(url))
            to_service = self._stack.enter_context(proxied(self._service))
            watcher = self._stack.enter_context(
                trial_index.watcher(to_service.url, url=to_engine.url, ELASTICSEARCH_TIMEOUT_S="4")
            )
            self._open[engine] = Lab(trial_index, to_engine, to_service, watcher)
        return self._open[engine]


@pytest.fixture(scope="module")
def labs(service: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labs]:
    """The labs, which close at the end of the module."""
    with ExitStack() as stack:
        yield Labs(stack, service, tmp_path_factory.mktemp("labs"))


@pytest.fixture
def lab(labs: Labs, engine: str, engine_url: str, namespace: str) -> Iterator[Lab]:
    """A lab without faults; faults of a test end with it."""
    found = labs.on(engine, engine_url, namespace)
    yield found
    found.engine.fault = found.service.fault = None


def each_on(faults: Sequence[str]) -> list[Any]:
    """In the short form each fault on one engine, in turn, or as ENGINES_IN_SHORT says; in the long form on all."""
    names = list(MARKS)
    return [
        pytest.param(
            fault, *one.values, marks=one.marks, id=f"{fault}-{one.values[0]}".replace(",", "").replace(" ", "-")
        )
        for number, fault in enumerate(faults)
        for one in on(*ENGINES_IN_SHORT.get(fault, [names[number % 3]]))
    ]


@pytest.mark.parametrize(("fault", "engine"), each_on(list(TO_THE_ENGINE)))
def test_faults_of_the_connection_to_the_engine_cost_no_document(lab: Lab, fault: str) -> None:
    ledger = lab.trial_index.ledger(f"connection-{list(TO_THE_ENGINE).index(fault)}")
    with Trial("connection to the engine", fault, lab.trial_index.engine, ledger) as trial:
        path = "/" if fault in ON_ANY_REQUEST else "/_bulk"
        damages = TO_THE_ENGINE[fault](lab.engine)
        lab.engine.fault = trial.counted(Injector(damages, seed=SEED, path=path, most=FORM.damages))
        ledger.put(FORM.documents)
        trial.settle([lab.watcher])


@pytest.mark.parametrize(("fault", "engine"), each_on(list(OF_THE_SERVICE)))
def test_wrong_answers_of_the_enrich_service_cost_no_document(lab: Lab, fault: str) -> None:
    ledger = lab.trial_index.ledger(f"service-{list(OF_THE_SERVICE).index(fault)}")
    damages = OF_THE_SERVICE[fault](lab.service)
    with Trial("enrich service", fault, lab.trial_index.engine, ledger) as trial:
        lab.service.fault = trial.counted(Injector(damages, seed=SEED, path="/v1/enrich", most=FORM.damages))
        ledger.put(FORM.documents)
        trial.settle([lab.watcher])


@pytest.mark.parametrize("engine", on("opensearch"))
def test_all_faults_at_once_cost_no_document(lab: Lab) -> None:
    """Damages any request to the engine, including searches, and any answer of the service."""
    ledger = lab.trial_index.ledger("all")
    to_engine = [damage for made in TO_THE_ENGINE.values() for damage in made(lab.engine)]
    answers = [damage for made in OF_THE_SERVICE.values() for damage in made(lab.service)]
    with Trial("both connections", "all of these at once, on any request", lab.trial_index.engine, ledger) as trial:
        lab.engine.fault = trial.counted(Injector(to_engine, seed=SEED, share=0.1, path="/", most=2 * FORM.damages))
        lab.service.fault = trial.counted(Injector(answers, seed=SEED, share=0.2, path="/v1/enrich", most=FORM.damages))
        ledger.put(FORM.documents)
        trial.settle([lab.watcher])
