"""A node of its own that is killed while the console writes verdicts to many events."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from contract.documents.fields import stream_name
from tests.conftest import why_no_real_engine
from tests.faults.injector import Forward
from tests.faults.nodes import Node
from tests.integration.console.desk import desk
from tests.integration.console.installations import Installation, installation
from tests.integration.watcher.proxy import Call, Reply, proxied
from tests.waiting import WAIT_S
from watcher.verdicts.chosen import PAGE

pytestmark = pytest.mark.opensearch
EVENTS = 1_200


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that the test may kill."""
    if why_no_real_engine():
        pytest.skip(why_no_real_engine())
    with Node("opensearch", tmp_path_factory.mktemp("node")) as found:
        yield found


class KilledAt:
    """Kills a node while one of the bulk requests is in progress."""

    def __init__(self, node: Node, number: int) -> None:
        self._node, self._number = node, number
        self.requests = 0
        self.done = threading.Event()

    def __call__(self, call: Call, forward: Forward) -> Reply:
        """Forward the request; the one with the number meets a node that dies."""
        if not call.path.startswith("/_bulk"):
            return forward()
        self.requests += 1
        if self.requests != self._number:
            return forward()
        killer = threading.Thread(target=self._node.kill)
        killer.start()
        try:
            return forward()
        finally:
            killer.join()
            self.done.set()


def test_a_node_killed_in_the_middle_of_a_bulk_verdict_costs_no_verdict(node: Node, tmp_path: Path) -> None:
    """The console says how many it wrote, all of these are there after the restart, and the same again does the rest.

    The page that was on its way is written or not, and it is not counted: nobody can know.
    """
    with ExitStack() as stack:
        filled = stack.enter_context(installation(node.url, n=EVENTS))
        proxy = stack.enter_context(proxied(node.url))
        console = stack.enter_context(desk(replace(filled, url=proxy.url), tmp_path))
        ann = console.person("ann")
        point = ann.point().data
        killed = proxy.fault = KilledAt(node, 3)
        state = ann.judge("true_positive", point=point["point"]).data
        assert killed.done.wait(WAIT_S)
        ann.post(f"/api/verdicts/{state['job']}/stop", {})  # it would try for a quarter of a minute
        state = ann.ended(state)
        proxy.fault = None
        node.start()
        assert "does not answer" in state["problem"]
        assert 0 < state["written"] == state["done"] < state["total"] == point["count"]
        assert console.lines("verdict")[-1]["event"]["outcome"] == "failure"
        assert state["written"] <= judged(filled) <= state["written"] + PAGE
        again = ann.ended(ann.judge("true_positive", point=ann.point().data["point"]).data)
        assert again["problem"] is None
        assert again["written"] + again["unchanged"] == point["count"]
        assert again["unchanged"] >= state["written"]
        assert judged(filled) == point["count"]


def judged(filled: Installation) -> int:
    """How many events have ann's verdict."""
    with Elasticsearch(filled.url, request_timeout=WAIT_S) as es:
        index = stream_name(filled.namespace)
        es.indices.refresh(index=index)
        return int(es.count(index=index, query={"term": {"oversight.feedback.by": "ann"}})["count"])
