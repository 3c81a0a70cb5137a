"""A new model over old documents: each looks as if predicted once, and no alert is sent twice."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elasticsearch import Elasticsearch
from onnx import numpy_helper

from contract.documents.fields import MODEL_VERSION, STATUS
from contract.errors import InputError
from tests.artifacts import TURBINE, turbine_graph, write_model
from tests.integration.watcher.conftest import Place, event, events, on_two
from tests.integration.watcher.faulty import Interfering
from tests.servers import enrich_service
from tests.waiting import WAIT_S, wait_until
from watcher.operations import selection
from watcher.operations.rescore import busiest_rate, expected_s, require_mapping, rescore
from watcher.operations.sweep import Limits, Swept

QUICK = Limits(page_size=7, backoff_s=0.01, max_backoff_s=0.05)
FEEDBACK = {"verdict": "false_positive", "by": "ann", "at": "2026-01-02T00:00:00.000Z"}


@pytest.fixture(scope="session")
def calmer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with a second model, which takes heat for harmless."""
    graph = turbine_graph()
    for weights in graph.initializer:
        if weights.name == "bias":
            weights.CopyFrom(numpy_helper.from_array(np.array([0.0, 30.0, -30.0], np.float32), "bias"))
    path: Path = tmp_path_factory.mktemp("calmer") / "model.onnx"
    with enrich_service(write_model(path, replace(TURBINE, name="calmer"), graph=graph)) as url:
        yield url


def give_back(place: Place, query: selection.Query, *, es: Elasticsearch | None = None, **more: Any) -> Swept:
    return rescore(es or place.es, place.index, query, limits=QUICK, stop=threading.Event(), **more)


def versions(place: Place) -> dict[str, int]:
    return {doc_id: hit["_version"] for doc_id, hit in place.all().items()}


def test_a_document_that_no_longer_alerts_becomes_an_event_again(place: Place, service: str, calmer: str) -> None:
    """Heat was an alert; the second model takes it for harmless. A verdict that both models give keeps its time."""
    place.put(events(9))
    place.watch(service)
    place.es.update(index=place.index, id="doc-1", doc={"oversight": {"feedback": FEEDBACK}})
    before = place.sources()
    (first_version,) = {source["oversight"]["model"]["version"] for source in before.values()}
    assert before["doc-1"]["event"]["kind"] == "alert"
    swept = give_back(place, selection.enriched())
    assert (swept.changed, swept.left) == (9, 0)
    between = place.sources()
    assert place.statuses() == ["pending"] * 9
    assert {doc_id: source["oversight"]["prediction"] for doc_id, source in between.items()} == {
        doc_id: source["oversight"]["prediction"] for doc_id, source in before.items()
    }, "dashboards show the old prediction until the new one is written"
    place.watch(calmer)
    after = place.sources()
    hot, fine = after["doc-1"], after["doc-0"]
    assert hot["oversight"]["prediction"]["label"] != "overheating"
    assert hot["event"]["kind"] == "event"
    assert set(_values(hot["rule"])) == {None}
    assert set(_values(hot["threat"])) == {None}
    assert hot["oversight"]["prediction"]["rescored"] is True
    assert hot["oversight"]["prediction"]["at"] > before["doc-1"]["oversight"]["prediction"]["at"]
    assert hot["oversight"]["feedback"] == FEEDBACK
    assert fine["oversight"]["prediction"]["at"] == before["doc-0"]["oversight"]["prediction"]["at"]
    assert "rescored" not in fine["oversight"]["prediction"]
    assert {source["oversight"]["model"]["id"] for source in after.values()} == {"calmer"}
    assert selection.count(place.es, place.index, selection.enriched(not_version=first_version)) == 9


@on_two
def test_no_old_alert_looks_like_a_new_one(place: Place, service: str, calmer: str) -> None:
    """Rules select alerts by `prediction.at` and exclude rescored ones, so no old document raises an alert."""
    place.put(events(12))
    place.watch(calmer)
    (last,) = [max(source["oversight"]["prediction"]["at"] for source in place.sources().values())]
    give_back(place, selection.enriched())
    place.watch(service)
    alerts = [source for source in place.sources().values() if source["event"]["kind"] == "alert"]
    new = [each for each in alerts if each["oversight"]["prediction"]["at"] > last]
    assert new, "the second model alerts on documents that the first took for harmless"
    assert all(each["oversight"]["prediction"]["rescored"] is True for each in new)


@on_two
def test_documents_of_the_current_version_are_skipped(place: Place, service: str, calmer: str) -> None:
    """So a stopped run continues where it was, and a second run after a complete one changes nothing."""
    place.put(events(20))
    place.watch(service)
    stop = threading.Event()
    part = rescore(place.es, place.index, selection.enriched(), limits=QUICK, stop=stop, progress=lambda *_: stop.set())
    assert part.stopped
    assert place.count("pending") == part.changed == 7
    place.watch(calmer)
    (current,) = {
        source["oversight"]["model"]["version"]
        for source in place.sources().values()
        if source["oversight"]["model"]["id"] == "calmer"
    }
    rest = selection.enriched(not_version=current)
    assert give_back(place, rest).changed == 13
    place.watch(calmer)
    place.all()
    assert give_back(place, rest).changed == 0
    assert set(versions(place).values()) == {4}, "stored, predicted, given back, predicted: each once"


@on_two
def test_a_running_watcher_predicts_each_document_once_more(place: Place, service: str, calmer: str) -> None:
    """Two people start it at once, while the watcher writes and new events arrive."""
    place.put(events(60))
    place.watch(service)
    (old,) = {source["oversight"]["model"]["version"] for source in place.sources().values()}
    of_the_old = {"bool": {"filter": [selection.enriched(), {"term": {MODEL_VERSION: old}}]}}
    with place.watching(calmer, page_size=20) as totals:
        other = threading.Thread(target=give_back, args=(place, of_the_old))
        other.start()
        give_back(place, of_the_old)
        place.put({f"fresh-{number}": event(number) for number in range(10)})
        other.join(WAIT_S)
        wait_until(lambda: place.count("enriched") == 70, "the watcher")
    found = place.all()
    assert {hit["_source"]["oversight"]["model"]["id"] for hit in found.values()} == {"calmer"}
    assert {hit["_version"] for doc_id, hit in found.items() if doc_id.startswith("doc-")} == {4}
    assert totals.enriched == 70


@on_two
def test_the_change_of_another_writer_in_between_is_kept(place: Place, service: str, engine_url: str) -> None:
    place.put(events(6))
    place.watch(service)
    place.all()

    def other_writer(number: int) -> None:
        if number == 0:
            place.es.update(index=place.index, id="doc-2", doc={"oversight": {"feedback": FEEDBACK}})

    with Interfering(engine_url, other_writer) as es:
        swept = give_back(place, selection.enriched(), es=es)
    assert (swept.changed, swept.left) == (6, 0)
    assert place.sources()["doc-2"]["oversight"] == {
        **place.sources()["doc-2"]["oversight"],
        "feedback": FEEDBACK,
        "status": "pending",
    }


def test_documents_older_than_the_watcher_are_predicted(foreign: Place, service: str) -> None:
    """Documents with a status are skipped, and so are those whose own `oversight` field would be damaged."""
    old = {
        f"old-{number}": {key: value for key, value in event(number).items() if key != "oversight"}
        for number in range(8)
    }
    foreign.put(
        {
            **old,
            "theirs": {**event(1), "oversight": [{"tool": "theirs"}]},
            "failed": event(2, oversight={"status": "failed"}),
        }
    )
    require_mapping(foreign.es, foreign.index, STATUS, without="")
    swept = give_back(foreign, selection.without_status())
    assert (swept.changed, sum(swept.spared.values())) == (8, 1)
    foreign.watch(service)
    found = foreign.sources()
    assert {found[doc_id]["oversight"]["status"] for doc_id in old} == {"enriched"}
    assert found["theirs"]["oversight"] == [{"tool": "theirs"}]
    assert found["failed"]["oversight"] == {"status": "failed"}
    assert all(found[doc_id]["event"] == source["event"] for doc_id, source in old.items())


def test_an_index_that_does_not_map_the_status_is_refused(place: Place) -> None:
    """No watcher would ever find the documents that become pending there."""
    place.es.indices.delete(index=place.index)
    place.es.indices.create(index=place.index, mappings={"dynamic": False, "properties": {}})
    with pytest.raises(InputError, match=r"does not map oversight\.status") as refused:
        require_mapping(place.es, place.index, STATUS, without="nobody would find what is pending")
    (advice,) = re.findall(r"PUT \S+ (.*)$", str(refused.value))
    place.es.indices.put_mapping(index=place.index, **json.loads(advice))
    require_mapping(place.es, place.index, STATUS, without="nobody would find what is pending")


@on_two
def test_it_waits_while_many_documents_are_pending(place: Place, service: str) -> None:
    """A new event waits behind the pending documents, so the queue must stay short."""
    place.put(events(24))
    place.watch(service)
    place.all()
    most, waited = 0, False

    def progress(_swept: Swept, pending: int) -> None:
        nonlocal most, waited
        most, waited = max(most, pending), waited or pending > 0
        if pending:
            place.watch(service)

    swept = give_back(place, selection.enriched(), backlog=10, look_s=0.01, progress=progress)
    assert swept.changed == 24
    assert waited
    assert most <= 10 + 10 // 2 + QUICK.page_size


def test_an_invalid_query_is_refused_with_an_example(place: Place) -> None:
    with pytest.raises(InputError, match="expected a query string such as"):
        selection.count(place.es, place.index, selection.enriched(words="user.id:(alice"))


def test_the_estimate_uses_the_busiest_minute(place: Place, service: str) -> None:
    assert busiest_rate(place.es, place.index) is None
    place.put(events(12))
    place.watch(service)
    place.all()
    rate = busiest_rate(place.es, place.index)
    assert rate is not None
    assert 6 / 60 <= rate <= 12 / 60  # a new minute may have begun in between
    assert expected_s(600, 10.0, 0.0) == 60.0
    assert expected_s(600, 10.0, 2.0) == 300.0
    assert expected_s(600, None, 0.0) is None


def _values(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        for child in tree.values():
            yield from _values(child)
    else:
        yield tree
