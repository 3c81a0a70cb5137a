"""An analyst's verdict is written once, kept by everything else, and becomes a training row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.errors import InputError
from tests.artifacts import TURBINE
from tests.integration.watcher.conftest import Place, WithPipelines, event
from watcher.elastic_faults import IndexMissingError
from watcher.operations import selection
from watcher.operations.labels import Exported, csv_header, csv_line, rows
from watcher.operations.status import read_status
from watcher.verdicts.feedback import Verdict
from watcher.verdicts.judge import judge

WRONG = Verdict("false_positive", "ann", label="healthy", comment="a warm day")


def give(place: Place, doc_id: str, verdict: Verdict | None = WRONG) -> None:
    judge(place.es, place.index, doc_id, verdict, labels=TURBINE.labels)


def test_a_verdict_is_stored_beside_the_prediction_and_the_next_replaces_it(judged: Place) -> None:
    before = judged.sources()["doc-1"]
    give(judged, "doc-1")
    source = judged.sources()["doc-1"]
    feedback = source["oversight"].pop("feedback")
    assert source == before
    assert feedback.pop("at") > source["oversight"]["prediction"]["at"]
    assert feedback == {"verdict": "false_positive", "by": "ann", "label": "healthy", "comment": "a warm day"}
    give(judged, "doc-1", Verdict("true_positive", "bob"))
    feedback = judged.sources()["doc-1"]["oversight"]["feedback"]
    assert (feedback["verdict"], feedback["by"]) == ("true_positive", "bob")
    assert (feedback["label"], feedback["comment"]) == (None, None), "the earlier verdict is gone"
    assert read_status(judged.es, judged.index).verdicts == {"true_positive": 1}


def test_a_verdict_can_be_withdrawn(judged: Place) -> None:
    give(judged, "doc-1")
    give(judged, "doc-1", None)
    give(judged, "doc-2", None)  # without a verdict nothing is written
    found = judged.all()
    assert set(found["doc-1"]["_source"]["oversight"]["feedback"].values()) == {None}
    assert found["doc-2"]["_version"] == 2
    assert read_status(judged.es, judged.index).verdicts == {}


@pytest.mark.parametrize("engine_url", ["embedded"], indirect=True)
@pytest.mark.parametrize(
    ("doc_id", "verdict", "says"),
    [
        ("nobody", WRONG, "there is no document 'nobody'"),
        ("waiting", WRONG, "no prediction yet"),
        (
            "doc-1",
            replace(WRONG, label="hot"),
            "'hot' is not a label of the model; expected one of bearing_wear, healthy",
        ),
        ("doc-1", Verdict("true_positive", "ann", label="healthy"), "which is harmless; say false_positive"),
        ("doc-1", Verdict("false_positive", "ann", label="overheating"), "what was predicted; say true_positive"),
    ],
)
def test_an_invalid_verdict_is_refused(judged: Place, doc_id: str, verdict: Verdict, says: str) -> None:
    judged.put({"waiting": event(1)})
    before = judged.all()
    with pytest.raises(InputError) as refused:
        give(judged, doc_id, verdict)
    assert says in str(refused.value)
    assert judged.all() == before


def test_an_index_that_is_not_there_is_reported_as_missing(judged: Place) -> None:
    with pytest.raises(IndexMissingError):
        judge(judged.es, f"{judged.index}.nowhere", "doc-1", WRONG, labels=None)


def test_an_id_in_several_indices_asks_for_the_index(judged: Place, foreign: Place) -> None:
    foreign.put({"doc-1": event(1)})
    with pytest.raises(InputError, match=r"there 2 times, in .*; choose one with --index"):
        judge(judged.es, f"{judged.index},{foreign.index}", "doc-1", WRONG, labels=None)


def test_verdicts_become_training_rows(judged: Place) -> None:
    """Features in the contract's order, the confirmed label, and the source of each row."""
    give(judged, "doc-1", Verdict("true_positive", "ann"))
    give(judged, "doc-2", Verdict("false_positive", "ann"))
    give(judged, "doc-4", Verdict("false_positive", "bob", label="bearing_wear"))
    judged.es.update(index=judged.index, id="doc-5", doc={"turbine": {"state": {"mode": "a,b"}}})
    give(judged, "doc-5", Verdict("true_positive", "ann"))
    exported = Exported()
    found = list(rows(judged.es, judged.index, TURBINE, exported, unguarded=True))
    assert csv_header(TURBINE) == "temperature_c,mode,vibration_mm_s,label"
    assert [csv_line(row) for row in found] == [
        "125,steady,1.5,overheating",
        "60,steady,22.5,healthy",
        "125,steady,1.5,bearing_wear",
    ]
    assert exported.rows == 3
    assert dict(exported.left_out) == {"turbine.state.mode holds a word that CSV readers read differently": 1}
    origin = found[2].provenance
    assert (origin["id"], origin["index"], origin["by"], origin["predicted"]) == (
        "doc-4",
        judged.index,
        "bob",
        "overheating",
    )
    assert origin["model"] == judged.sources()["doc-4"]["oversight"]["model"]


class TestInTheStream(WithPipelines):
    """Engines with pipelines: a verdict survives a new prediction of its document."""

    def test_a_verdict_runs_no_pipeline_and_survives_a_new_prediction(self, stream: Place, service: str) -> None:
        """If a pipeline ran again, the status would be pending and the prediction would be gone."""
        stream.es.index(
            index=stream.index, id="a", document={"message": "125,steady,1.5"}, op_type="create", refresh=True
        )
        stream.watch(service)
        stream.all()
        give(stream, "a")
        (hit,) = stream.all().values()
        assert hit["_source"]["oversight"]["status"] == "enriched"
        assert hit["_source"]["oversight"]["prediction"]["label"] == "overheating"
        kept = hit["_source"]["oversight"]["feedback"]
        back = {"doc": {"oversight": {"status": "pending"}}}
        stream.es.bulk(operations=[{"update": {"_index": hit["_index"], "_id": "a"}}, back], refresh=True)
        assert stream.watch(service).enriched == 1
        assert stream.sources()["a"]["oversight"]["feedback"] == kept
        assert selection.count(stream.es, stream.index, selection.enriched()) == 1
