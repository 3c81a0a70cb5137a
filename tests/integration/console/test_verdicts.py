"""Verdicts through the console's routes, on real engines: who may write, what is written, and how it is undone."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from contract.documents.fields import stream_name
from tests.integration.console.desk import Desk, desk
from tests.integration.console.installations import Installation, installation
from tests.integration.watcher.proxy import FaultProxy, proxied
from tests.waiting import WAIT_S
from watcher.operations.labels import JUDGED

ENGINES = [
    pytest.param("opensearch", marks=pytest.mark.opensearch),
    pytest.param("elasticsearch", marks=pytest.mark.elasticsearch),
]
on_one = pytest.mark.parametrize("filled", ENGINES[1:], indirect=True, scope="module")
"""For what does not depend on the engine."""
DOCUMENTS = 300


@pytest.fixture(scope="module", params=ENGINES)
def filled(request: pytest.FixtureRequest) -> Iterator[Installation]:
    """Generated documents in each engine; this Elasticsearch has no pipelines, so it gets a plain index."""
    url = request.getfixturevalue(f"{request.param}_url")
    with installation(url, n=DOCUMENTS, stream=request.param != "elasticsearch", hostile=True) as found:
        yield found


@pytest.fixture(scope="module")
def between(filled: Installation) -> Iterator[FaultProxy]:
    with proxied(filled.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def open_desk(filled: Installation, between: FaultProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(replace(filled, url=between.url), tmp_path_factory.mktemp("desk")) as found:
        yield found


@pytest.fixture(autouse=True)
def clean(filled: Installation, between: FaultProxy) -> None:
    """Each test begins without verdicts."""
    between.fault = None
    with Elasticsearch(filled.url, request_timeout=WAIT_S) as es:
        hits = es.search(index=events(filled), query={"exists": {"field": "oversight.feedback.by"}}, size=DOCUMENTS)
        none = dict.fromkeys(("verdict", "label", "comment", "by", "at"))
        lines: list[dict[str, Any]] = []
        for hit in hits["hits"]["hits"]:
            lines += [
                {"update": {"_index": hit["_index"], "_id": hit["_id"]}},
                {"doc": {"oversight": {"feedback": none}}},
            ]
        if lines:
            es.bulk(operations=lines, refresh=True)


def events(filled: Installation) -> str:
    return filled.index or stream_name(filled.namespace)


def alerts(filled: Installation, n: int) -> list[dict[str, Any]]:
    """Some alerts, as Elasticsearch has them."""
    with Elasticsearch(filled.url, request_timeout=WAIT_S) as es:
        query = {"bool": {"filter": [{"term": {"event.kind": "alert"}}, {"exists": {"field": LABEL}}]}}
        hits: list[dict[str, Any]] = es.search(index=events(filled), query=query, size=n)["hits"]["hits"]
    return hits


LABEL = "oversight.prediction.label"


def judged(filled: Installation) -> dict[str, dict[str, Any]]:
    """The feedback of every judged event by id, without nulls."""
    with Elasticsearch(filled.url, request_timeout=WAIT_S) as es:
        es.indices.refresh(index=events(filled))
        hits = es.search(index=events(filled), query=JUDGED, size=DOCUMENTS)["hits"]["hits"]
    found = {hit["_id"]: hit["_source"]["oversight"]["feedback"] for hit in hits}
    return {doc_id: {key: value for key, value in one.items() if value is not None} for doc_id, one in found.items()}


def test_one_event_is_judged_and_undone(filled: Installation, open_desk: Desk) -> None:
    """The log has a line for each write: who, what, which event, how many."""
    ann, hit = open_desk.person("ann"), alerts(filled, 1)[0]
    comment = 'the "backup"\n{"event.action": "forged"} \u202e <img src=x onerror=alert(1)>'
    state = ann.judge("false_positive", label="normal", comment=comment, events=[ann.shown(hit["_index"], hit["_id"])])
    assert (state.status, state.data["ended"], state.data["written"]) == (200, True, 1)
    assert 0 < state.data["undo_s"] <= 10
    given = judged(filled)[hit["_id"]]
    assert given.pop("at")
    assert given == {"verdict": "false_positive", "label": "normal", "comment": comment, "by": "ann"}
    undone = ann.post(f"/api/verdicts/{state.data['job']}/undo", {})
    assert (undone.data["written"], judged(filled)) == (1, {})
    line, back = open_desk.lines("verdict")[-1], open_desk.lines("undo-verdict")[-1]
    assert line["user"]["name"] == back["user"]["name"] == "ann"
    assert line["console"]["verdict"]["verdict"] == "false_positive"
    assert line["console"]["verdict"]["written"] == 1
    assert line["console"]["verdict"]["events"] == [f"{hit['_index']}/{hit['_id']}"]
    assert (line["source"]["ip"], open_desk.lines("forged")) == ("127.0.0.1", [])


def test_a_selection_of_events_tells_conflicts(filled: Installation, open_desk: Desk) -> None:
    """Bob judged one of them after ann's page had shown it."""
    ann, bob, hits = open_desk.person("ann"), open_desk.person("bob"), alerts(filled, 3)
    chosen = [ann.shown(hit["_index"], hit["_id"]) for hit in hits]
    assert bob.judge("true_positive", events=chosen[:1]).data["written"] == 1
    state = ann.judge("false_positive", events=[*chosen, {**chosen[1], "id": "no-such-event"}]).data
    assert (state["written"], state["conflicts"], state["gone"]) == (2, 1, 1)
    assert (state["shown"][0]["by"], state["shown"][0]["verdict"]) == ("bob", "true_positive")
    assert {one["by"] for one in judged(filled).values()} == {"ann", "bob"}
    assert ann.post(f"/api/verdicts/{state['job']}/undo", {}).data["written"] == 2
    assert [one["by"] for one in judged(filled).values()] == ["bob"]


def test_all_that_the_filters_hold_is_judged_at_the_count_of_the_confirmation(
    filled: Installation, open_desk: Desk
) -> None:
    ann = open_desk.person("ann")
    label = alerts(filled, 1)[0]["_source"]["oversight"]["prediction"]["label"]
    point = ann.point(label=label).data
    with Elasticsearch(filled.url, request_timeout=WAIT_S) as es:
        assert point["count"] == es.count(index=events(filled), query={"term": {LABEL: label}})["count"] > 1
    state = ann.ended(ann.judge("true_positive", point=point["point"]).data)
    assert (state["total"], state["written"], state["problem"]) == (point["count"], point["count"], None)
    assert len(judged(filled)) == point["count"]
    again = ann.judge("true_positive", point=point["point"])
    assert (again.status, again.data["error"]["type"]) == (410, "point_gone")
    undone = ann.ended(ann.post(f"/api/verdicts/{state['job']}/undo", {}).data)
    assert (undone["written"], judged(filled)) == (point["count"], {})
    line = open_desk.lines("verdict")[-1]
    assert line["console"]["verdict"]["page"] == "events"
    assert f"label={label}" in line["console"]["verdict"]["query"]


@on_one
def test_a_double_click_writes_once(filled: Installation, open_desk: Desk) -> None:
    """Both requests have the same id, and get the same job; so do two clicks on undo."""
    ann = open_desk.person("ann")
    before = len(open_desk.lines("verdict"))
    body = {"request": secrets.token_hex(16), "verdict": "true_positive", "point": ann.point().data["point"]}
    with ThreadPoolExecutor(2) as two:
        one, other = two.map(lambda _: ann.post("/api/verdicts", body).data, range(2))
        assert one["job"] == other["job"]
        state = ann.ended(one)
        undo = f"/api/verdicts/{state['job']}/undo"
        first, second = two.map(lambda _: ann.post(undo, {}).data, range(2))
    assert first["job"] == second["job"]
    ann.ended(first)
    assert judged(filled) == {}
    assert len(open_desk.lines("verdict")) == before + 1


@on_one
def test_another_session_cannot_see_stop_or_undo_a_write(filled: Installation, open_desk: Desk) -> None:
    ann, bob, hit = open_desk.person("ann"), open_desk.person("bob"), alerts(filled, 1)[0]
    point = ann.point().data["point"]
    assert bob.judge("true_positive", point=point).status == 410
    state = ann.judge("true_positive", events=[ann.shown(hit["_index"], hit["_id"])]).data
    for other in (bob, open_desk.person("ann")):
        assert other.get(f"/api/verdicts/{state['job']}").status == 404
        for what in ("undo", "stop"):
            assert other.post(f"/api/verdicts/{state['job']}/{what}", {}).status == 404
    assert len(judged(filled)) == 1


@on_one
def test_a_cluster_that_goes_away_is_told_with_what_was_written(
    filled: Installation, open_desk: Desk, between: FaultProxy
) -> None:
    """The second bulk request of the write never arrives. The same again judges the rest."""
    ann = open_desk.person("ann")
    point = ann.point().data
    between.stop()
    try:
        state = ann.ended(ann.judge("true_positive", point=point["point"]).data)
    finally:
        between.start()
    assert state["written"] == 0
    assert "does not answer" in state["problem"]
    assert open_desk.lines("verdict")[-1]["event"]["outcome"] == "failure"
    again = ann.ended(ann.judge("true_positive", point=ann.point().data["point"]).data)
    assert (again["written"], again["problem"]) == (point["count"], None)


@on_one
def test_a_write_can_be_stopped(filled: Installation, open_desk: Desk, between: FaultProxy) -> None:
    """After the current page, whose events are judged; it says how many these are."""
    ann = open_desk.person("ann")
    point, go = ann.point().data, threading.Event()

    def hold(call: Any, forward: Any) -> Any:
        if "_bulk" in call.path:
            go.wait(WAIT_S)
        return forward()

    between.fault = hold
    state = ann.judge("true_positive", point=point["point"]).data
    assert not state["ended"]
    assert ann.post(f"/api/verdicts/{state['job']}/undo", {}).status == 409
    stopping = ann.post(f"/api/verdicts/{state['job']}/stop", {}).data
    assert not stopping["ended"]
    go.set()
    state = ann.ended(state)
    assert state["stopped"]
    assert 0 < state["written"] == len(judged(filled)) < point["count"]


@on_one
def test_an_event_of_another_index_cannot_be_judged(filled: Installation, open_desk: Desk) -> None:
    """The console writes to its own stream only, whatever a request names."""
    ann, other = open_desk.person("ann"), f"other-{filled.namespace}"
    with Elasticsearch(filled.url, request_timeout=WAIT_S) as es:
        es.index(index=other, id="1", document={"oversight": {"prediction": {"label": "x"}}}, refresh=True)
        try:
            event = {"index": other, "id": "1", "seen": "0" * 32}
            state = ann.judge("true_positive", events=[event]).data
            assert (state["written"], state["gone"]) == (0, 1)
            assert "feedback" not in es.get(index=other, id="1")["_source"]["oversight"]
        finally:
            es.indices.delete(index=other)
