"""A cluster of the test's own: its node killed, too little memory for bulk requests, and a key that may do little.

`engine` elasticsearch is a node with security: watchers come with an API key of the least privilege, and documents of
a plain index are parsed already (OVERSIGHT_INDEX).
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import why_no_real_engine
from tests.faults.ground import Ground, ground_on
from tests.faults.injector import Forward
from tests.faults.ledger import Ledger
from tests.faults.nodes import Node
from tests.faults.scale import NOW, on
from tests.faults.trial import Trial
from tests.integration.watcher.proxy import Call, FaultProxy, Reply, proxied
from tests.waiting import wait_until

SEED = 23
LITTLE_MEMORY = "indexing_pressure.memory.limit: 64kb"
"""Elasticsearch refuses what would need more for all bulk requests under way; a page of 200 predictions needs more."""
SECURED = [pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)]
LEAST = {
    "watcher": {
        "cluster": [],
        "indices": [
            {"names": ["flows-*"], "privileges": ["read", "write"]},
            {"names": ["oversight-watchers-*"], "privileges": ["create_index", "index", "read"]},
        ],
    }
}
"""What docs/watching.md says is enough."""


KILLS = {
    "request": "SIGKILL of the node at work, later a new start",
    "async": "SIGKILL of the node, with index.translog.durability async",
}


def kills() -> Iterator[Any]:
    """In the short form one kill on one engine; in the long form both kinds on both."""
    for durability, short in (("request", ["elasticsearch"]), ("async", [])):
        for one in on(*short):
            if one.values[0] != "embedded":  # it loses its newest writes by nature
                yield pytest.param(durability, *one.values, marks=one.marks)


class Nodes:
    """The nodes of this module, one of each engine that a test asks for."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self._running: dict[str, Node] = {}

    def of(self, engine: str) -> Node:
        """The one of this engine."""
        if engine not in self._running:
            settings = LITTLE_MEMORY if engine == "elasticsearch" else ""
            node = Node(engine, self._folder / engine, settings)
            self._running[engine] = self._stack.enter_context(node)
        return self._running[engine]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Stopped with the module."""
    if why_no_real_engine():
        pytest.skip(why_no_real_engine())
    with ExitStack() as stack:
        yield Nodes(stack, tmp_path_factory.mktemp("nodes"))


@pytest.fixture
def node(nodes: Nodes, engine: str) -> Node:
    """A running node."""
    return nodes.of(engine)


@pytest.fixture
def ground(node: Node, tmp_path: Path) -> Iterator[Ground]:
    """A place for documents; where the node has security, its watchers have the least key."""
    with ground_on(node.engine, node.url, f"t{uuid.uuid4().hex[:12]}", tmp_path, es=node.client()) as place:
        if not node.secured:
            yield place
            return
        key = place.es.security.create_api_key(name="watcher", role_descriptors=LEAST, refresh="wait_for")["encoded"]
        yield replace(place, settings={**place.settings, "ELASTICSEARCH_API_KEY": key})


@pytest.mark.parametrize(("durability", "engine"), list(kills()))
def test_a_killed_cluster_node_costs_no_document(node: Node, ground: Ground, service: str, durability: str) -> None:
    """In the middle of the work; some time later it is started again, with the data that it has.

    With `async` the translog is synced every 5 s and not with every request: the node forgets predictions that it
    acknowledged, and they are made again.
    """
    ground.es.indices.put_settings(index=ground.index, settings={"index.translog.durability": durability})
    ledger = ground.ledger("node")
    with proxied(service) as proxy, Trial("cluster", KILLS[durability], ground.engine, ledger) as trial:
        _kill_and_start(node, ground, proxy, ledger, trial)


def _kill_and_start(node: Node, ground: Ground, proxy: FaultProxy, ledger: Ledger, trial: Trial) -> None:
    rng = random.Random(SEED)
    with ground.watcher(proxy.url, OVERSIGHT_WATCH_HEARTBEAT_S="0.5") as watcher:
        for _ in range(NOW.node_kills):
            so_far = len(proxy.requests("/v1/enrich"))
            ledger.put(300)
            ground.es.indices.flush(index=ground.index)  # the events are on the disk, whatever becomes of the rest
            _wait_for_page(proxy, so_far + rng.randint(1, 10))
            time.sleep(rng.uniform(0.0, 0.03))
            node.kill()
            trial.tries += 1
            node.start()
        trial.settle([watcher])
        watcher.stop()


@pytest.mark.parametrize("engine", SECURED)
def test_real_429s_cost_no_document(ground: Ground, service: str) -> None:
    """The node says itself that it has too much to do (indexing pressure); pages get smaller until it takes them."""
    ledger, seen = ground.ledger("busy"), Seen()
    fault = "429 of the node itself, by indexing pressure"
    with proxied(ground.url) as proxy, Trial("cluster", fault, ground.engine, ledger) as trial:
        proxy.fault = trial.made(seen).look
        ledger.put(NOW.documents * 5)
        with ground.watcher(service, url=proxy.url, OVERSIGHT_WATCH_PAGE_SIZE="200") as watcher:
            trial.settle([watcher])
            watcher.stop()


@pytest.mark.parametrize("engine", SECURED)
def test_watchers_with_the_least_key_are_killed_and_lose_nothing(ground: Ground, service: str) -> None:
    """With security on: neither more privileges nor an end in good order are needed to go on."""
    rng, ledger = random.Random(SEED), ground.ledger("least")
    fault = "SIGKILL, with security and an API key of the least privilege"
    with proxied(service) as proxy, Trial("watcher", fault, ground.engine, ledger) as trial:
        for _ in range(NOW.node_kills):
            so_far = len(proxy.requests("/v1/enrich"))
            ledger.put(200)
            with ground.watcher(proxy.url) as watcher:
                _wait_for_page(proxy, so_far + rng.randint(1, 8))
                watcher.kill()
                trial.tries += 1
        with ground.watcher(service) as watcher:
            trial.settle([watcher])
            watcher.stop()


class Seen:
    """A fault of a proxy that is none: it counts what the server itself puts off."""

    def __init__(self) -> None:
        self.done = 0

    def look(self, call: Call, forward: Forward) -> Reply:
        """Pass on."""
        reply = forward()
        if call.path.startswith("/_bulk") and (reply.status == 429 or b'"status":429' in reply.body):
            self.done += 1
        return reply


def _wait_for_page(proxy: FaultProxy, number: int) -> None:
    wait_until(lambda: len(proxy.requests("/v1/enrich")) >= number, "a watcher at work")
