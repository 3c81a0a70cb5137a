"""Verdicts on many events: each is written once, what others wrote meanwhile stays, and everything can be undone."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from contract.errors import EngineUnavailableError, InputError
from tests.artifacts import TURBINE
from tests.integration.watcher.conftest import Place, WithPipelines, event, on_two
from tests.integration.watcher.faulty import Interfering
from tests.integration.watcher.proxy import DROP, Call, FaultProxy, Reply, proxied
from tests.waiting import WAIT_S
from watcher.operations.labels import Exported, rows
from watcher.operations.selection import enriched
from watcher.verdicts import bulk, chosen
from watcher.verdicts.bulk import Aim, Hooks, Tally
from watcher.verdicts.chosen import Point, id_of
from watcher.verdicts.documents import Place as At
from watcher.verdicts.documents import find_places
from watcher.verdicts.feedback import Verdict, seen_in
from watcher.verdicts.judge import judge, judge_chosen, judge_point
from watcher.verdicts.undo import Before, undo

RIGHT = Verdict("true_positive", "ann")
WRONG = Verdict("false_positive", "bob", label="healthy", comment="a warm day")
HOT_ONES = "oversight.prediction.label:overheating"


@pytest.fixture
def before() -> Iterator[Before]:
    made = Before()
    yield made
    made.close()


def feedback(place: Place) -> dict[str, dict[str, Any]]:
    """The feedback of each document that has some, without nulls and times."""
    found = {}
    for doc_id, source in place.sources().items():
        given = source["oversight"].get("feedback", {})
        found[doc_id] = {name: value for name, value in given.items() if value is not None and name != "at"}
    return {doc_id: given for doc_id, given in found.items() if given}


def judge_all(es: Elasticsearch, place: Place, verdict: Verdict | None, words: str | None = None, **more: Any) -> Tally:
    stop = threading.Event()
    with Point(es, place.index, enriched(words=words), stop=stop) as point:
        return judge_point(point, verdict, labels=TURBINE.labels, stop=stop, **more)


def as_seen(place: Place, *doc_ids: str) -> list[Aim]:
    """Documents as a page shows them."""
    hits = find_places(place.es, place.index, [At(place.index, doc_id) for doc_id in doc_ids])
    return [Aim(hit, seen_in(hit.source)) for hit in hits if hit is not None]


def judge_seen(es: Elasticsearch, place: Place, aims: list[Aim], verdict: Verdict | None, **more: Any) -> Tally:
    return judge_chosen(es, place.index, aims, verdict, labels=TURBINE.labels, stop=threading.Event(), **more)


def test_a_query_judges_what_matched_when_it_was_counted(judged: Place, service: str) -> None:
    """An event that arrives after the confirmation is not judged; one without a prediction is never chosen."""
    judged.put({"waiting": event(1)})
    stop = threading.Event()
    with Point(judged.es, judged.index, enriched(words=HOT_ONES), stop=stop) as point:
        judged.put({"late": event(1)})
        judged.watch(service)
        seen: list[int] = []
        hooks = Hooks(progress=lambda so_far: seen.append(so_far.done))
        tally = judge_point(point, RIGHT, labels=None, stop=stop, hooks=hooks)
    assert (point.count, tally.written, tally.done, seen) == (2, 2, 2, [2])
    assert feedback(judged) == {each: {"verdict": "true_positive", "by": "ann"} for each in ("doc-1", "doc-4")}


@on_two
def test_the_same_verdict_again_writes_nothing(judged: Place) -> None:
    assert judge_all(judged.es, judged, RIGHT).written == 6
    before = judged.all()
    tally = judge_all(judged.es, judged, RIGHT)
    assert (tally.written, tally.unchanged) == (0, 6)
    assert judged.all() == before


@on_two
def test_each_document_that_a_verdict_does_not_fit_is_counted_by_reason(judged: Place) -> None:
    tally = judge_all(judged.es, judged, WRONG)
    assert (tally.written, tally.spared) == (
        4,
        {"a false_positive cannot be 'healthy', which is what was predicted; say true_positive": 2},
    )
    with pytest.raises(InputError, match="'hot' is not a label of the model"):
        judge_all(judged.es, judged, Verdict("false_positive", "ann", label="hot"))
    with pytest.raises(InputError, match=r"the comment has 1,000,000 characters; expected at most 1,000"):
        judge_all(judged.es, judged, Verdict("true_positive", "ann", comment="x" * 1_000_000))


def test_a_verdict_of_someone_else_in_between_is_a_conflict_and_stays(judged: Place) -> None:
    """Two people look at the same events; the second one is told."""
    aims = as_seen(judged, "doc-1", "doc-4")
    judge(judged.es, judged.index, "doc-4", WRONG, labels=None)
    tally = judge_seen(judged.es, judged, aims, RIGHT)
    assert (tally.written, tally.conflicts, tally.done) == (1, 1, 2)
    (conflict,) = tally.shown
    assert (conflict.id, conflict.feedback["by"], conflict.label) == ("doc-4", "bob", "overheating")
    assert feedback(judged)["doc-4"]["by"] == "bob"


def test_two_people_at_the_same_moment_leave_one_verdict_and_one_conflict(judged: Place, engine_url: str) -> None:
    """The other's write lands between our read and our write."""
    aims = as_seen(judged, "doc-1")

    def other(number: int) -> None:
        if not number:
            judge(judged.es, judged.index, "doc-1", WRONG, labels=None)

    with Interfering(engine_url, other) as es:
        tally = judge_seen(es, judged, aims, RIGHT)
    assert (tally.written, tally.conflicts) == (0, 1)
    assert feedback(judged) == {
        "doc-1": {"verdict": "false_positive", "by": "bob", "label": "healthy", "comment": "a warm day"}
    }


@pytest.mark.parametrize(("label", "conflicts"), [("overheating", 0), ("bearing_wear", 1)])
def test_a_rescored_document_is_a_conflict_only_if_its_label_changed(
    judged: Place, engine_url: str, label: str, conflicts: int
) -> None:
    """The watcher writes between our read and our write: a new sequence number alone is no conflict."""

    def rescore(number: int) -> None:
        if not number:
            new = {"oversight": {"prediction": {"label": label, "novelty": 0.25}}}
            judged.es.update(index=judged.index, id="doc-1", doc=new)

    aims = as_seen(judged, "doc-1")
    with Interfering(engine_url, rescore) as es:
        tally = judge_seen(es, judged, aims, RIGHT)
    assert (tally.written, tally.conflicts) == (1 - conflicts, conflicts)
    assert judged.sources()["doc-1"]["oversight"]["prediction"]["novelty"] == 0.25


@on_two
def test_a_document_that_always_changes_is_left_and_said(judged: Place, engine_url: str) -> None:
    def busy(number: int) -> None:
        judged.es.update(index=judged.index, id="doc-1", doc={"user": {"id": str(number)}})

    with Interfering(engine_url, busy) as es:
        tally = judge_seen(es, judged, as_seen(judged, "doc-1", "doc-4"), RIGHT)
    assert (tally.written, tally.left) == (1, 1)
    with Interfering(engine_url, busy) as es, pytest.raises(EngineUnavailableError, match="no verdict was written"):
        judge(es, judged.index, "doc-1", RIGHT, labels=None)


@pytest.fixture
def between(engine_url: str) -> Iterator[FaultProxy]:
    """The engine behind a proxy that can inject faults."""
    with proxied(engine_url) as fault_proxy:
        yield fault_proxy


@contextlib.contextmanager
def client(proxy: FaultProxy) -> Iterator[Elasticsearch]:
    with Elasticsearch(proxy.url, request_timeout=WAIT_S, max_retries=0) as es:
        yield es


@on_two
def test_an_overloaded_engine_costs_a_wait(judged: Place, between: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "FIRST_WAIT_S", 0.05)
    refused: list[str] = []

    def refuse_two(call: Call, forward: Any) -> Reply:
        if "_bulk" in call.path and len(refused) < 2:
            refused.append(call.path)
            return Reply(429, b"{}", {"content-type": "application/json"})
        answer: Reply = forward()
        return answer

    with client(between) as es:
        between.fault = refuse_two
        tally = judge_all(es, judged, RIGHT)
    assert (len(refused), tally.written, tally.fault) == (2, 6, None)


@on_two
def test_a_lost_response_counts_as_written_and_can_be_undone(
    judged: Place, between: FaultProxy, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bulk request reached Elasticsearch; reading again shows it."""
    monkeypatch.setattr(bulk, "FIRST_WAIT_S", 0.05)
    lost: list[str] = []

    def lose_one(call: Call, forward: Any) -> Reply:
        answer: Reply = forward()
        if "_bulk" in call.path and not lost:
            lost.append(call.path)
            return DROP
        return answer

    with client(between) as es:
        between.fault = lose_one
        tally = judge_all(es, judged, RIGHT, hooks=Hooks(wrote=before.add))
        between.fault = None
    assert (lost != [], tally.written, tally.unchanged, before.count) == (True, 6, 0, 6)
    assert len(feedback(judged)) == 6
    assert undo(judged.es, judged.index, before, RIGHT, stop=threading.Event()).written == 6
    assert feedback(judged) == {}


@on_two
def test_a_cluster_that_goes_away_ends_the_work_which_can_be_repeated(
    judged: Place, between: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written is said and stays; the same call later judges the rest."""
    for module in (bulk, chosen):
        monkeypatch.setattr(module, "FIRST_WAIT_S", 0.02)
        monkeypatch.setattr(module, "LONGEST_WAIT_S", 0.05)
    monkeypatch.setattr(chosen, "PAGE", 2)
    pages: list[int] = []

    def vanish(tally: Tally) -> None:
        pages.append(tally.written)
        if len(pages) == 2:
            between.stop()

    with client(between) as es:
        tally = judge_all(es, judged, RIGHT, hooks=Hooks(progress=vanish))
        assert (tally.written, pages) == (4, [2, 4])
        assert "does not answer" in str(tally.fault)
        assert len(feedback(judged)) == 4
        between.start()
        again = judge_all(es, judged, RIGHT)
    assert (again.written, again.unchanged, again.fault) == (2, 4, None)


def test_an_expired_point_in_time_says_to_choose_again(judged: Place) -> None:
    stop = threading.Event()
    point = Point(judged.es, judged.index, enriched(), stop=stop)
    point.close()
    tally = judge_point(point, RIGHT, labels=None, stop=stop)
    assert tally.written == 0
    assert "choose them again" in str(tally.fault)


def test_a_query_that_the_engine_does_not_understand_is_refused(judged: Place) -> None:
    with pytest.raises(InputError, match="does not understand the query"):
        judge_all(judged.es, judged, RIGHT, "a:(b OR")


def test_undo_restores_what_stood_before_and_leaves_what_others_wrote_since(judged: Place, before: Before) -> None:
    judge(judged.es, judged.index, "doc-1", WRONG, labels=None)
    stood = feedback(judged)
    assert judge_all(judged.es, judged, RIGHT, hooks=Hooks(wrote=before.add)).written == 6
    judge(judged.es, judged.index, "doc-2", Verdict("true_positive", "eve"), labels=None)
    back = undo(judged.es, judged.index, before, RIGHT, stop=threading.Event())
    assert (back.written, back.conflicts, back.shown[0].id) == (5, 1, "doc-2")
    assert feedback(judged) == {**stood, "doc-2": {"verdict": "true_positive", "by": "eve"}}
    again = undo(judged.es, judged.index, before, RIGHT, stop=threading.Event())
    assert (again.written, again.unchanged) == (0, 5)


@on_two
def test_undo_brings_a_removed_verdict_back(judged: Place, before: Before) -> None:
    judge(judged.es, judged.index, "doc-1", WRONG, labels=None)
    stood = judged.sources()["doc-1"]["oversight"]["feedback"]
    assert judge_all(judged.es, judged, None, hooks=Hooks(wrote=before.add)).written == 1
    assert feedback(judged) == {}
    assert undo(judged.es, judged.index, before, None, stop=threading.Event()).written == 1
    assert judged.sources()["doc-1"]["oversight"]["feedback"] == stood


@on_two
def test_what_stood_before_many_documents_goes_to_a_file(judged: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo of a large bulk needs no memory."""
    monkeypatch.setattr("watcher.verdicts.undo.MEMORY", 10)
    before = Before()
    judge_all(judged.es, judged, RIGHT, hooks=Hooks(wrote=before.add))
    assert undo(judged.es, judged.index, before, RIGHT, stop=threading.Event()).written == 6
    before.close()


@on_two
@pytest.mark.parametrize("comment", ["\u202egnp.exe", "<script>alert(1)</script>", "\x00\x1b[31m", '"},{"a":1', "🦆"])
def test_a_comment_of_any_content_is_stored_as_it_is(judged: Place, comment: str) -> None:
    verdict = Verdict("true_positive", "ann", comment=comment)
    assert judge_seen(judged.es, judged, as_seen(judged, "doc-1"), verdict).written == 1
    assert feedback(judged)["doc-1"]["comment"] == comment


def test_the_first_digits_of_an_id_are_enough(judged: Place) -> None:
    """A whole id always means itself, even if others begin with it."""
    judged.put({f"abcdef{end}": judged.sources()["doc-1"] for end in ("", "01", "02", "777")})
    assert id_of(judged.es, judged.index, "abcdef7").id == "abcdef777"
    assert id_of(judged.es, judged.index, "abcdef").id == "abcdef"
    with pytest.raises(InputError, match=r"several documents begin with 'abcdef0': abcdef01, abcdef02; give more"):
        id_of(judged.es, judged.index, "abcdef0")
    for unknown in ("zzzzzz", "doc"):
        with pytest.raises(InputError, match=f"there is no document '{unknown}'"):
            id_of(judged.es, judged.index, unknown)


@on_two
def test_places_in_another_index_are_not_found(judged: Place, foreign: Place) -> None:
    foreign.put({"doc-1": event(1)})
    places = [At(foreign.index, "doc-1"), At(judged.index, "doc-1"), At(judged.index, "gone")]
    found = find_places(judged.es, judged.index, places)
    assert [hit and hit.index for hit in found] == [None, judged.index, None]


class TestInTheStream(WithPipelines):
    """Engines with pipelines and data streams."""

    def test_the_export_holds_exactly_the_verdicts_of_a_bulk_and_an_undo(
        self, stream: Place, service: str, before: Before
    ) -> None:
        lines: list[dict[str, Any]] = []
        for number in range(30):
            lines += [{"create": {"_id": f"e{number}"}}, {"message": f"{60 + number},steady,1.5"}]
        stream.es.bulk(index=stream.index, operations=lines, refresh=True)
        stream.watch(service)
        stream.all()
        hot = stream.es.count(index=stream.index, q=HOT_ONES)["count"]
        assert 0 < hot < 30
        assert judge_all(stream.es, stream, RIGHT, HOT_ONES).written == hot
        judge_all(stream.es, stream, RIGHT, "_id:e0", hooks=Hooks(wrote=before.add))
        undo(stream.es, stream.index, before, RIGHT, stop=threading.Event())
        exported = Exported()
        found = list(rows(stream.es, stream.index, TURBINE, exported))
        assert (len(found), exported.by_label, exported.left_out) == (hot, {"overheating": hot}, {})
        assert {row.provenance["by"] for row in found} == {"ann"}
        assert {source["oversight"]["status"] for source in stream.sources().values()} == {"enriched"}
