"""A separate cluster: a killed node, too little memory for bulk requests, and an API key with few privileges.

`engine` elasticsearch is a node with security: watchers use an API key with the least privileges, and the documents are
parsed and in a plain index (OVERSIGHT_INDEX).
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
from tests.faults.injector import Forward
from tests.faults.ledger import Ledger
from tests.faults.nodes import Node
from tests.faults.scale import FORM, on
from tests.faults.trial import Trial
from tests.faults.trial_index import TrialIndex, trial_index_on
from tests.integration.watcher.proxy import Call, FaultProxy, Reply, proxied
from tests.waiting import wait_until

SEED = 23
LITTLE_MEMORY = "indexing_pressure.memory.limit: 64kb"
"""Elasticsearch rejects bulk requests that together need more memory; a page of 200 predictions does."""
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
"""The privileges in docs/watching.md."""


KILLS = {
    "request": "SIGKILL of the node at work, later a restart",
    "async": "SIGKILL of the node, with index.translog.durability async",
}


def kills() -> Iterator[Any]:
    """In the short form one kind of kill on one engine; in the long form both kinds on both engines."""
    for durability, short in (("request", ["elasticsearch"]), ("async", [])):
        for one in on(*short):
            if one.values[0] != "embedded":  # it may lose its newest writes
                yield pytest.param(durability, *one.values, marks=one.marks)


class Nodes:
    """The nodes of this module, one for each engine that a test needs."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self._running: dict[str, Node] = {}

    def of(self, engine: str) -> Node:
        """The node of this engine."""
        if engine not in self._running:
            settings = LITTLE_MEMORY if engine == "elasticsearch" else ""
            node = Node(engine, self._folder / engine, settings)
            self._running[engine] = self._stack.enter_context(node)
        return self._running[engine]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """The nodes, which stop at the end of the module."""
    if why_no_real_engine():
        pytest.skip(why_no_real_engine())
    with ExitStack() as stack:
        yield Nodes(stack, tmp_path_factory.mktemp("nodes"))


@pytest.fixture
def node(nodes: Nodes, engine: str) -> Node:
    """A running node."""
    return nodes.of(engine)


@pytest.fixture
def trial_index(node: Node, tmp_path: Path) -> Iterator[TrialIndex]:
    """An index on the node; with security, its watchers use a key with the least privileges."""
    with trial_index_on(node.engine, node.url, f"t{uuid.uuid4().hex[:12]}", tmp_path, es=node.client()) as place:
        if not node.secured:
            yield place
            return
        key = place.es.security.create_api_key(name="watcher", role_descriptors=LEAST, refresh="wait_for")["encoded"]
        yield replace(place, settings={**place.settings, "ELASTICSEARCH_API_KEY": key})


@pytest.mark.parametrize(("durability", "engine"), list(kills()))
def test_a_killed_cluster_node_costs_no_document(
    node: Node, trial_index: TrialIndex, service: str, durability: str
) -> None:
    """Kills the node while a watcher works, and later starts it again on its data.

    With `async` the node syncs its translog every 5 s and not for each request. So it forgets some predictions that it
    acknowledged, and the watcher writes them again.
    """
    trial_index.es.indices.put_settings(index=trial_index.index, settings={"index.translog.durability": durability})
    ledger = trial_index.ledger("node")
    with proxied(service) as proxy, Trial("cluster", KILLS[durability], trial_index.engine, ledger) as trial:
        _kill_and_start(node, trial_index, proxy, ledger, trial)


def _kill_and_start(node: Node, trial_index: TrialIndex, proxy: FaultProxy, ledger: Ledger, trial: Trial) -> None:
    rng = random.Random(SEED)
    with trial_index.watcher(proxy.url, OVERSIGHT_WATCH_HEARTBEAT_S="0.5") as watcher:
        for _ in range(FORM.node_kills):
            so_far = len(proxy.requests("/v1/enrich"))
            ledger.put(300)
            trial_index.es.indices.flush(index=trial_index.index)  # the events are on disk; later writes may get lost
            _wait_for_page(proxy, so_far + rng.randint(1, 10))
            time.sleep(rng.uniform(0.0, 0.03))
            node.kill()
            trial.tries += 1
            node.start()
        trial.settle([watcher])
        watcher.stop()


@pytest.mark.parametrize("engine", SECURED)
def test_real_429s_cost_no_document(trial_index: TrialIndex, service: str) -> None:
    """The node itself rejects requests (indexing pressure); the watcher's pages shrink until the node accepts them."""
    ledger, seen = trial_index.ledger("busy"), Rejections()
    fault = "429 of the node itself, by indexing pressure"
    with proxied(trial_index.url) as proxy, Trial("cluster", fault, trial_index.engine, ledger) as trial:
        proxy.fault = trial.counted(seen).forward
        ledger.put(FORM.documents * 5)
        with trial_index.watcher(service, url=proxy.url, OVERSIGHT_WATCH_PAGE_SIZE="200") as watcher:
            trial.settle([watcher])
            watcher.stop()


@pytest.mark.parametrize("engine", SECURED)
def test_killed_watchers_with_the_least_privileges_lose_nothing(trial_index: TrialIndex, service: str) -> None:
    """With security, the next watcher continues without more privileges, although the one before was killed."""
    rng, ledger = random.Random(SEED), trial_index.ledger("least")
    fault = "SIGKILL, with security and an API key of the least privilege"
    with proxied(service) as proxy, Trial("watcher", fault, trial_index.engine, ledger) as trial:
        for _ in range(FORM.node_kills):
            so_far = len(proxy.requests("/v1/enrich"))
            ledger.put(200)
            with trial_index.watcher(proxy.url) as watcher:
                _wait_for_page(proxy, so_far + rng.randint(1, 8))
                watcher.kill()
                trial.tries += 1
        with trial_index.watcher(service) as watcher:
            trial.settle([watcher])
            watcher.stop()


class Rejections:
    """Forwards all requests of a proxy, and counts those that the server rejects with 429."""

    def __init__(self) -> None:
        self.done = 0

    def forward(self, call: Call, forward: Forward) -> Reply:
        """Forward a request and count a rejection."""
        reply = forward()
        if call.path.startswith("/_bulk") and (reply.status == 429 or b'"status":429' in reply.body):
            self.done += 1
        return reply


def _wait_for_page(proxy: FaultProxy, number: int) -> None:
    wait_until(lambda: len(proxy.requests("/v1/enrich")) >= number, "a watcher at work")
