"""Failed documents get another try, and lose nothing by it: neither feedback nor anybody's fields."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from es_pipelines.capabilities import ask
from tests.acceptance.commands import Desk
from tests.artifacts import HOT
from tests.integration.watcher.conftest import Place, WithPipelines, event
from tests.integration.watcher.faulty import Interfering
from tests.waiting import WAIT_S, wait_until
from watcher import selection
from watcher.failures import read_failures
from watcher.retry import Retried, retry
from watcher.sweep import Limits

FEEDBACK = {"verdict": "true_positive", "by": "ann", "at": "2026-01-02T00:00:00.000Z"}


def again(place: Place, *, es: Elasticsearch | None = None, page_size: int = 7, **chosen: str) -> Retried:
    query = selection.failed(**chosen)
    limits = Limits(page_size=page_size, backoff_s=0.01, max_backoff_s=0.05)
    return retry(es or place.es, place.index, query, limits=limits, stop=threading.Event())


def test_a_refused_document_is_pending_again_and_then_as_if_it_had_never_failed(place: Place, service: str) -> None:
    """The cause is mended at the source; what said why it failed goes, feedback and foreign fields stay."""
    bad = {f"bad-{number}": event(number, turbine={}, labels={"site": "x"}) for number in range(9)}
    place.put(bad)
    place.watch(service)
    for doc_id in bad:
        place.es.update(index=place.index, id=doc_id, doc={**HOT, "oversight": {"feedback": FEEDBACK}})
    assert place.statuses() == ["failed"] * 9
    done = again(place)
    assert (done.pending, done.swept.changed, done.swept.left) == (9, 9, 0)
    assert place.statuses() == ["pending"] * 9
    place.watch(service)
    for source in place.sources().values():
        assert source["oversight"]["prediction"]["label"] == "overheating"
        assert source["oversight"]["feedback"] == FEEDBACK
        assert source["labels"] == {"site": "x"}
        assert set(source["error"].values()) == {None}
        assert set(source["oversight"]["failure"].values()) == {None}
    assert not read_failures(place.es, place.index)


def test_in_an_index_that_is_not_ours_its_own_error_stays(foreign: Place, service: str) -> None:
    """`error.*` is somebody else's there: only what the watcher wrote is taken back."""
    foreign.put({"bad": event(1, turbine={}, error={"message": "the user's"})})
    foreign.watch(service)
    assert again(foreign).pending == 1
    source = foreign.sources()["bad"]
    assert source["error"] == {"message": "the user's"}
    assert source["oversight"]["status"] == "pending"
    assert set(source["oversight"]["failure"].values()) == {None}


def test_only_the_named_reason_is_tried_again(place: Place, service: str) -> None:
    place.put({"gone": event(1, turbine={}), "word": event(2, turbine={"temperature_c": "x", "vibration_mm_s": 1})})
    place.watch(service)
    assert again(place, reason="not_a_number").pending == 1
    found = place.sources()
    assert [found[doc_id]["oversight"]["status"] for doc_id in ("gone", "word")] == ["failed", "pending"]


def test_only_documents_that_fit_the_query_are_tried_again(place: Place, service: str) -> None:
    place.put({name: event(1, turbine={}, user={"id": name}) for name in ("ann", "bob")})
    place.watch(service)
    assert again(place, words="user.id:ann").pending == 1
    assert place.sources()["bob"]["oversight"]["status"] == "failed"


def test_a_write_in_between_is_kept_and_the_document_tried_again(place: Place, service: str, engine_url: str) -> None:
    place.put({f"bad-{number}": event(number, turbine={}) for number in range(5)})
    place.watch(service)

    def other_writer(number: int) -> None:
        if number == 0:
            place.es.update(index=place.index, id="bad-1", doc={"user": {"id": "someone else"}})
            place.es.update(index=place.index, id="bad-2", doc={"oversight": {"status": "enriched"}})

    with Interfering(engine_url, other_writer) as es:
        done = again(place, es=es)
    found = place.sources()
    assert found["bad-1"]["user"] == {"id": "someone else"}
    assert found["bad-1"]["oversight"]["status"] == "pending"
    assert found["bad-2"]["oversight"]["status"] == "enriched"  # no longer ours to touch
    assert (done.pending, done.swept.elsewhere, done.swept.left) == (4, 1, 0)


class TestThroughThePipeline(WithPipelines):
    """Engines with pipelines."""

    def test_the_raw_line_is_parsed_anew(self, stream: Place, service: str) -> None:
        """A pipeline that could not split by tildes is mended; the lines that still are none keep failing, and say why."""
        lines: list[dict[str, Any]] = []
        for number, line in enumerate(["61.5~steady~1.2", "125~steady~1.5", "no~words", "only text"]):
            lines += [{"create": {"_index": stream.index, "_id": str(number)}}, {"message": line, "user": {"id": "u"}}]
        assert not stream.es.bulk(operations=lines, refresh=True)["errors"]
        before = stream.all()
        updates: list[dict[str, Any]] = []
        for doc_id, hit in before.items():
            change = {"doc": {"oversight": {"feedback": FEEDBACK}, "tags": ["seen"]}}
            updates += [{"update": {"_index": hit["_index"], "_id": doc_id}}, change]
        assert not stream.es.bulk(operations=updates, refresh=True)["errors"]
        mend(stream)
        done = again(stream, page_size=2)
        assert (done.pending, dict(done.failed_anew)) == (2, {"column_count": 2})
        after = stream.all()
        for doc_id, status in zip("0123", ("pending", "pending", "failed", "failed"), strict=True):
            was, now = before[doc_id]["_source"], after[doc_id]["_source"]
            assert after[doc_id]["_index"] == before[doc_id]["_index"]
            assert now["oversight"]["status"] == status
            assert now["oversight"]["feedback"] == FEEDBACK
            assert (now["tags"], now["user"]) == (["seen"], {"id": "u"})
            assert (now["event"]["ingested"], now["@timestamp"]) == (was["event"]["ingested"], was["@timestamp"])
            assert ("error" in now) == (status == "failed")
        stream.watch(service)
        assert stream.sources()["1"]["oversight"]["prediction"]["label"] == "overheating"
        assert stream.sources()["1"]["oversight"]["feedback"] == FEEDBACK

    def test_a_lost_pipeline_leaves_the_documents_as_they_are(self, stream: Place) -> None:
        stream.es.index(index=stream.index, id="a", document={"message": "text"}, op_type="create", refresh=True)
        (hit,) = stream.all().values()
        stream.es.indices.put_settings(index=hit["_index"], settings={"index.final_pipeline": "_none"})
        done = again(stream)
        assert dict(done.swept.spared) == {"its index has no pipeline": 1}
        assert stream.all()["a"]["_version"] == hit["_version"]

    def test_killed_in_the_middle_it_has_lost_nothing_and_goes_on(
        self, stream: Place, engine_url: str, namespace: str, tmp_path: Path
    ) -> None:
        """SIGKILL between and during its requests: each document is as it was or as it should be, and written once."""
        count = 40
        lines: list[dict[str, Any]] = []
        for number in range(count):
            lines += [{"create": {"_index": stream.index, "_id": str(number)}}, {"message": "61.5~steady~1.2"}]
        assert not stream.es.bulk(operations=lines, refresh=True)["errors"]
        mend(stream)
        desk = Desk(tmp_path, {"ELASTICSEARCH_URL": engine_url, "OVERSIGHT_NAMESPACE": namespace})
        process = desk.start("retry", "--yes", "--rate", "10", log=tmp_path / "log")
        wait_until(lambda: 0 < stream.count("pending") < count, "the first of the retry")
        process.kill()
        process.wait(WAIT_S)
        found = stream.all()
        assert len(found) == count
        states = {(hit["_source"]["oversight"]["status"], hit["_version"]) for hit in found.values()}
        written = (
            {2} if ask(stream.es).data_streams else {2, 3}
        )  # where there are none, arrival is put back by a second write
        assert states >= {("failed", 1)}
        assert {version for status, version in states if status == "pending"} <= written
        swept = again(stream).swept
        assert (swept.refused.total(), swept.left) == (0, 0)
        assert stream.versions() <= written
        assert stream.statuses() == ["pending"] * count


def mend(stream: Place) -> None:
    """Let the pipeline take tildes for commas."""
    name = next(iter(stream.es.indices.get_settings(index=stream.index, name="index.final_pipeline").values()))
    router = name["settings"]["index"]["final_pipeline"]
    body = dict(stream.es.ingest.get_pipeline(id=router)[router])
    tildes = {"gsub": {"field": "event.original", "pattern": "~", "replacement": ",", "ignore_missing": True}}
    stream.es.ingest.put_pipeline(id=router, body={**body, "processors": [tildes, *body["processors"]]})
