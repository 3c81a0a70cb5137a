"""Connections that break and answers that are wrong, between a running watcher and both of its servers.

watcher ──▶ proxy ──▶ engine            what a network, a gateway or an overloaded node does to requests
   └──────▶ proxy ──▶ enrich service    what a broken service answers

One watcher on each engine lives through all of it, one fault after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.ground import Ground, ground_on
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
from tests.faults.scale import MARKS, NOW, on
from tests.faults.trial import Trial
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
    "a bulk request is done and never answered": [],  # each costs a timeout
}


@dataclass(frozen=True)
class Lab:
    """A running watcher with a proxy on each of its wires."""

    ground: Ground
    engine: FaultProxy
    service: FaultProxy
    watcher: Watcher


class Labs:
    """The laboratories of this module, one for each engine that a test asks for."""

    def __init__(self, stack: ExitStack, service: str, folder: Path) -> None:
        self._stack, self._service, self._folder = stack, service, folder
        self._open: dict[str, Lab] = {}

    def on(self, engine: str, url: str, namespace: str) -> Lab:
        """The one on this engine."""
        if engine not in self._open:
            folder = self._folder / engine
            folder.mkdir(exist_ok=True)
            ground = self._stack.enter_context(ground_on(engine, url, namespace, folder))
            to_engine = self._stack.enter_context(proxied(url))
            to_service = self._stack.enter_context(proxied(self._service))
            watcher = self._stack.enter_context(
                ground.watcher(to_service.url, url=to_engine.url, ELASTICSEARCH_TIMEOUT_S="4")
            )
            self._open[engine] = Lab(ground, to_engine, to_service, watcher)
        return self._open[engine]


@pytest.fixture(scope="module")
def labs(service: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labs]:
    """Closed with the module; the watchers end well, after all that."""
    with ExitStack() as stack:
        yield Labs(stack, service, tmp_path_factory.mktemp("labs"))


@pytest.fixture
def lab(labs: Labs, engine: str, engine_url: str, namespace: str) -> Iterator[Lab]:
    """A laboratory in which nothing is wrong yet, and nothing is left wrong."""
    found = labs.on(engine, engine_url, namespace)
    yield found
    found.engine.fault = found.service.fault = None


def each_on(faults: Sequence[str]) -> list[Any]:
    """In the short form each fault on one engine, in turn, or on all, or on none; in the long form all on all."""
    names = list(MARKS)
    return [
        pytest.param(
            fault, *one.values, marks=one.marks, id=f"{fault}-{one.values[0]}".replace(",", "").replace(" ", "-")
        )
        for number, fault in enumerate(faults)
        for one in on(*ENGINES_IN_SHORT.get(fault, [names[number % 3]]))
    ]


@pytest.mark.parametrize(("fault", "engine"), each_on(list(TO_THE_ENGINE)))
def test_what_happens_on_the_way_to_the_engine_costs_no_document(lab: Lab, fault: str) -> None:
    ledger = lab.ground.ledger(f"wire-{list(TO_THE_ENGINE).index(fault)}")
    with Trial("the wire to the engine", fault, lab.ground.engine, ledger) as trial:
        path = "/" if fault in ON_ANY_REQUEST else "/_bulk"
        damages = TO_THE_ENGINE[fault](lab.engine)
        lab.engine.fault = trial.made(Injector(damages, seed=SEED, path=path, most=NOW.damages))
        ledger.put(NOW.documents)
        trial.settle([lab.watcher])


@pytest.mark.parametrize(("fault", "engine"), each_on(list(OF_THE_SERVICE)))
def test_whatever_the_enrich_service_answers_costs_no_document(lab: Lab, fault: str) -> None:
    ledger = lab.ground.ledger(f"service-{list(OF_THE_SERVICE).index(fault)}")
    damages = OF_THE_SERVICE[fault](lab.service)
    with Trial("enrich service", fault, lab.ground.engine, ledger) as trial:
        lab.service.fault = trial.made(Injector(damages, seed=SEED, path="/v1/enrich", most=NOW.damages))
        ledger.put(NOW.documents)
        trial.settle([lab.watcher])


@pytest.mark.parametrize("engine", on("opensearch"))
def test_all_of_it_at_once_costs_no_document(lab: Lab) -> None:
    """Any request to the engine, searches too, and any answer of the service."""
    ledger = lab.ground.ledger("all")
    to_engine = [damage for made in TO_THE_ENGINE.values() for damage in made(lab.engine)]
    of_service = [damage for made in OF_THE_SERVICE.values() for damage in made(lab.service)]
    with Trial("both wires", "all of these at once, on any request", lab.ground.engine, ledger) as trial:
        lab.engine.fault = trial.made(Injector(to_engine, seed=SEED, share=0.1, path="/", most=2 * NOW.damages))
        lab.service.fault = trial.made(Injector(of_service, seed=SEED, share=0.2, path="/v1/enrich", most=NOW.damages))
        ledger.put(NOW.documents)
        trial.settle([lab.watcher])
