"""Failed documents are tried again and lose nothing: neither feedback nor foreign fields."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from contract.documents.fields import FIELDS, properties
from tests.acceptance.commands import Terminal
from tests.artifacts import HOT
from tests.integration.watcher.conftest import Place, WithPipelines, event
from tests.integration.watcher.faulty import Interfering
from tests.integration.watcher.proxy import Call, Reply, proxied
from tests.waiting import WAIT_S, wait_until
from watcher.operations import selection
from watcher.operations.failures import read_failures
from watcher.operations.retry import Retried, retry
from watcher.operations.sweep import Limits

COUNT = 50
FEEDBACK = {"verdict": "true_positive", "by": "ann", "at": "2026-01-02T00:00:00.000Z"}


def again(place: Place, *, es: Elasticsearch | None = None, page_size: int = 7, **chosen: str) -> Retried:
    query = selection.failed(**chosen)
    limits = Limits(page_size=page_size, backoff_s=0.01, max_backoff_s=0.05)
    return retry(es or place.es, place.index, query, limits=limits, stop=threading.Event())


def test_a_refused_document_is_pending_again_and_then_as_if_it_had_never_failed(place: Place, service: str) -> None:
    """The cause is fixed at the source; the failure note goes, feedback and foreign fields stay."""
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


def test_in_a_foreign_index_its_own_error_field_stays(foreign: Place, service: str) -> None:
    """`error.*` belongs to another system there: only the fields of the watcher are removed."""
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


def test_only_documents_that_match_the_query_are_tried_again(place: Place, service: str) -> None:
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
    assert found["bad-2"]["oversight"]["status"] == "enriched"  # no longer failed, so retry leaves it alone
    assert (done.pending, done.swept.elsewhere, done.swept.left) == (4, 1, 0)


class TestThroughThePipeline(WithPipelines):
    """Engines with pipelines."""

    def test_the_raw_line_is_parsed_again(self, stream: Place, service: str) -> None:
        """A pipeline that could not split at tildes is fixed; lines that it still cannot parse fail again, with the
        reason.
        """
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
        fix_pipeline(stream)
        done = again(stream, page_size=2)
        assert (done.pending, dict(done.failed_again)) == (2, {"column_count": 2})
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

    def test_a_killed_retry_loses_nothing_and_the_next_one_continues(
        self, stream: Place, engine_url: str, namespace: str, tmp_path: Path
    ) -> None:
        """SIGKILL between and during its requests: each document is in its old or its new state, and written once."""
        count = 40
        lines: list[dict[str, Any]] = []
        for number in range(count):
            lines += [{"create": {"_index": stream.index, "_id": str(number)}}, {"message": "61.5~steady~1.2"}]
        assert not stream.es.bulk(operations=lines, refresh=True)["errors"]
        fix_pipeline(stream)
        terminal = Terminal(tmp_path, {"ELASTICSEARCH_URL": engine_url, "OVERSIGHT_NAMESPACE": namespace})
        process = terminal.start("retry", "--yes", "--rate", "10", log=tmp_path / "log")
        wait_until(lambda: 0 < stream.count("pending") < count, "the first documents of the retry")
        process.kill()
        process.wait(WAIT_S)
        found = stream.all()
        assert len(found) == count
        states = {(hit["_source"]["oversight"]["status"], hit["_version"]) for hit in found.values()}
        assert states >= {("failed", 1)}
        assert {version for status, version in states if status == "pending"} == {2}
        swept = again(stream).swept
        assert (swept.refused.total(), swept.left) == (0, 0)
        assert stream.versions() == {2}
        assert stream.statuses() == ["pending"] * count


class TestInAPlainIndex(WithPipelines):
    """Where our stream is a plain index, its pipeline treats every write as a new event: it removes verdict and
    arrival.
    """

    @pytest.fixture
    def plain(self, stream: Place) -> Iterator[Place]:
        """Failed lines, each with a verdict; the pipeline can parse them now."""
        router = pipeline_of(stream)
        plain = Place(stream.es, f"{stream.index}plain")
        settings = {"number_of_replicas": 0, "index.final_pipeline": router}
        plain.es.indices.create(
            index=plain.index, mappings={"dynamic": False, "properties": properties(FIELDS)}, settings=settings
        )
        plain.put({str(number): {"message": "125~steady~1.5"} for number in range(COUNT)})
        assert plain.statuses() == ["failed"] * COUNT
        lines: list[dict[str, Any]] = []
        for number in range(COUNT):
            doc = {"doc": {"oversight": {"feedback": FEEDBACK}, "event": {"ingested": arrival(number)}}}
            lines += [{"update": {"_index": plain.index, "_id": str(number)}}, doc]
        assert not plain.es.bulk(operations=lines, refresh=True)["errors"]
        fix_pipeline(stream)
        yield plain
        plain.es.indices.delete(index=plain.index)

    def test_a_retry_during_a_watcher_loses_no_prediction_verdict_or_arrival(
        self, plain: Place, engine_url: str, namespace: str, service: str, tmp_path: Path
    ) -> None:
        """One write makes a document pending again; the watcher predicts it while the retry still runs."""
        terminal = Terminal(tmp_path, settings_of(plain, engine_url, namespace, service))
        watcher = terminal.start("watch", log=tmp_path / "watch")
        try:
            retrying = terminal.start("retry", "--yes", "--rate", "20", log=tmp_path / "retry")
            wait_until(lambda: 0 < plain.count("enriched") < COUNT, "a prediction while the retry still runs")
            assert retrying.wait(WAIT_S) == 0, (tmp_path / "retry").read_text()
            wait_until(lambda: plain.count("enriched") == COUNT, "all predictions")
        finally:
            watcher.terminate()
            assert watcher.wait(WAIT_S) == 0
        for doc_id, source in plain.sources().items():
            assert source["oversight"]["prediction"]["label"] == "overheating"
            assert source["oversight"]["feedback"] == FEEDBACK
            assert source["event"]["ingested"] == arrival(int(doc_id))
            assert "error" not in source
        assert plain.versions() == {4}  # stored, judged, retried, predicted

    def test_a_retry_killed_after_its_first_write_loses_no_verdict_or_arrival(
        self, plain: Place, engine_url: str, namespace: str, service: str, tmp_path: Path
    ) -> None:
        """SIGKILL after the engine has written and before the response is read."""
        processes: list[subprocess.Popen[bytes]] = []
        started = threading.Event()

        def kill_after_write(call: Call, forward: Callable[[], Reply]) -> Reply:
            reply = forward()
            if call.path.startswith("/_bulk") and started.wait(WAIT_S):
                processes[0].kill()
                processes[0].wait(WAIT_S)
            return reply

        with proxied(engine_url) as proxy:
            proxy.fault = kill_after_write
            terminal = Terminal(tmp_path, settings_of(plain, proxy.url, namespace, service))
            processes.append(terminal.start("retry", "--yes", "--rate", "20", log=tmp_path / "retry"))
            started.set()
            assert processes[0].wait(WAIT_S) == -signal.SIGKILL, (tmp_path / "retry").read_text()
        assert 0 < plain.count("pending") < COUNT
        assert again(plain, page_size=1_000).pending == plain.count("pending") - 20
        assert plain.statuses() == ["pending"] * COUNT
        for doc_id, source in plain.sources().items():
            assert source["oversight"]["feedback"] == FEEDBACK
            assert source["event"]["ingested"] == arrival(int(doc_id))

    def test_a_line_that_fails_again_keeps_its_verdict_and_says_why(self, plain: Place) -> None:
        change: list[dict[str, Any]] = [
            {"update": {"_index": plain.index, "_id": "0"}},
            {"doc": {"event": {"original": "no~words"}}},
        ]
        assert not plain.es.bulk(operations=change, refresh=True)["errors"]
        done = again(plain)
        assert (done.pending, dict(done.failed_again)) == (COUNT - 1, {"column_count": 1})
        source = plain.sources()["0"]
        assert source["oversight"]["status"] == "failed"
        assert (source["oversight"]["feedback"], source["event"]["ingested"]) == (FEEDBACK, arrival(0))
        assert source["error"]["type"] == "column_count"

    def test_a_line_that_the_pipeline_drops_stays_as_it_is(self, plain: Place, stream: Place) -> None:
        router = pipeline_of(stream)
        body = dict(plain.es.ingest.get_pipeline(id=router)[router])
        plain.es.ingest.put_pipeline(id=router, body={**body, "processors": [{"drop": {}}, *body["processors"]]})
        before = plain.all()
        assert dict(again(plain).swept.spared) == {"its pipeline drops it": COUNT}
        assert plain.all() == before


def settings_of(place: Place, engine_url: str, namespace: str, service: str) -> dict[str, str]:
    """Settings of the commands."""
    return {
        "ELASTICSEARCH_URL": engine_url,
        "OVERSIGHT_NAMESPACE": namespace,
        "OVERSIGHT_INDEX": place.index,
        "OVERSIGHT_ENRICH_URL": service,
        "OVERSIGHT_WATCH_POLL_INTERVAL_S": "0.05",
    }


def arrival(number: int) -> str:
    """When a line arrived: long ago, at a different time for each."""
    return f"2026-01-02T00:00:{number:02d}.000Z"


def pipeline_of(stream: Place) -> str:
    """Name of the final pipeline of a stream."""
    (found,) = stream.es.indices.get_settings(index=stream.index, name="index.final_pipeline").values()
    return str(found["settings"]["index"]["final_pipeline"])


def fix_pipeline(stream: Place) -> None:
    """Make the pipeline accept tildes as commas."""
    router = pipeline_of(stream)
    body = dict(stream.es.ingest.get_pipeline(id=router)[router])
    tildes = {"gsub": {"field": "event.original", "pattern": "~", "replacement": ",", "ignore_missing": True}}
    stream.es.ingest.put_pipeline(id=router, body={**body, "processors": [tildes, *body["processors"]]})
