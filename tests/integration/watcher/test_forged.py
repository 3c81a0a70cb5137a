"""A shipper's key cannot store a prediction, a verdict or an arrival time, whichever pipeline its request names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from contract.documents.fields import stream_name
from contract.errors import InputError
from es_pipelines.definition.parameters import PIPELINES, pipeline_id
from es_pipelines.provision.apply import plan, provision
from es_pipelines.resources.kind import Action
from tests.artifacts import TURBINE
from tests.integration.watcher.conftest import Place, WithPipelines
from tests.waiting import WAIT_S
from watcher.operations.labels import Exported, rows
from watcher.operations.trust import SIGNS, forged, require_guard
from watcher.verdicts.feedback import Verdict
from watcher.verdicts.judge import judge

HOT_LINE = "125,steady,1.5"
FUTURE = "2999-01-01T00:00:00.000Z"
VERDICT = {"verdict": "false_positive", "label": "healthy", "by": "ann", "at": "2026-01-01T00:00:00.000Z"}
OURS: dict[str, Any] = {
    "status": "enriched",
    "prediction": {"label": "healthy", "at": FUTURE, "top": [{"label": "healthy", "probability": 1.0}]},
    "model": {"id": "turbine", "version": "0123456789ab"},
    "feedback": VERDICT,
    "alert": {"kind": "alert"},
    "shadow": {"label": "healthy"},
    "suppressed": True,
    "suppressed_by": "rule",
}
EVENT = {"kind": "alert", "ingested": FUTURE, "severity": 99, "risk_score": 99.0}
FEATURES = {"turbine": {"temperature_c": 61.5, "vibration_mm_s": 1.2, "state": {"mode": "steady"}}}
FORGED: dict[str, dict[str, Any]] = {
    "nested": {
        "message": HOT_LINE,
        "oversight": OURS,
        "event": EVENT,
        "rule": {"name": "x"},
        "threat": {"framework": "x"},
    },
    "dotted": {
        "message": HOT_LINE,
        **{f"oversight.{name}": value for name, value in OURS.items()},
        "event.kind": "alert",
    },
    "leaves dotted": {
        "message": HOT_LINE,
        "oversight.status": "enriched",
        "oversight.prediction.label": "healthy",
        "event.ingested": FUTURE,
        **{f"oversight.feedback.{name}": value for name, value in VERDICT.items()},
        "rule.name": "x",
    },
    "mixed": {
        "message": HOT_LINE,
        "oversight": {"feedback.verdict": "false_positive", "status": "enriched"},
        "oversight.feedback": VERDICT,
        "oversight.model.version": "0123456789ab",
    },
    "a list": {"message": HOT_LINE, "oversight": [OURS, OURS]},
    "lists within": {"message": HOT_LINE, "oversight": {**OURS, "feedback": [VERDICT], "status": ["enriched"]}},
    "a text": {"message": HOT_LINE, "oversight": "enriched"},
    "a copy": {
        "event": {**EVENT, "original": HOT_LINE},
        "oversight": OURS,
        **FEATURES,
        "@timestamp": "2026-01-01T00:00:00.000Z",
    },
    "a rescored copy": {
        "event": {**EVENT, "original": HOT_LINE},
        "oversight": {**OURS, "status": "pending"},
        **FEATURES,
    },
    "a failed copy": {"event": {**EVENT, "original": HOT_LINE}, "oversight": {**OURS, "status": "failed"}, **FEATURES},
    "fields without a line": {
        "oversight": OURS,
        "event": EVENT,
        "turbine": {**FEATURES["turbine"], "temperature_c": 125},
    },
    "the pipelines' notes": {
        "message": HOT_LINE,
        "_oversight": {"rewrite": True, "stored": True, "flat": {}},
        "oversight": OURS,
    },
}
NEVER = {"prediction", "model", "feedback", "alert", "shadow", "suppressed", "suppressed_by"}


def ship(stream: Place, documents: list[dict[str, Any]], *, pipeline: str | None = "_none") -> int:
    """Store documents with the shipper's key; returns how many were stored."""
    operations: list[dict[str, Any]] = []
    for document in documents:
        operations += [{"create": {"_index": stream.index}}, {"@timestamp": "2026-01-01T00:00:00.000Z", **document}]
    answer = stream.es.bulk(operations=operations, pipeline=pipeline, refresh=True)
    refused = [item["create"]["error"] for item in answer["items"] if "error" in item["create"]]
    assert refused == [] or pipeline not in (None, "_none"), refused  # one of our inner pipelines fails, as it should
    return len(documents) - len(refused)


def refuse_forgery(source: dict[str, Any]) -> None:
    """Check that a new document has only the line from its sender, and the values set aside in `oversight.shipped`."""
    assert [key for key in source if key.startswith(("oversight.", "event.", "rule.", "threat."))] == []
    assert source["oversight"]["status"] in ("pending", "failed")
    assert NEVER & set(source["oversight"]) == set()
    assert source["event"]["kind"] in ("event", "pipeline_error")
    assert {"rule", "threat"} & set(source) == set()
    assert {"severity", "risk_score"} & set(source["event"]) == set()
    arrived = datetime.fromisoformat(source["event"]["ingested"])
    assert abs(datetime.now(UTC) - arrived) < timedelta(hours=1)


class TestNewDocuments(WithPipelines):
    """On every engine with pipelines."""

    def test_forged_fields_are_not_stored_as_ours_and_the_watcher_predicts(
        self, stream: Place, service: str, namespace: str
    ) -> None:
        """Whichever pipeline the request names, also an inner pipeline, and whether fields are nested or dotted."""
        ways = [None, "_none", *(pipeline_id(name, namespace) for name in PIPELINES)]
        notes = {
            "flat": {"_index": f".ds-{stream.index}-000001", "oversight.status": "enriched"},
            "rejected": [],
            "times": [],
        }
        another_index = {"message": HOT_LINE, "_oversight": notes}
        documents = [*FORGED.values(), another_index]
        count = sum(ship(stream, documents, pipeline=way) for way in ways)
        stored = stream.sources()
        assert len(stored) == count >= 3 * len(documents)
        for source in stored.values():
            refuse_forgery(source)
        pending = {doc_id for doc_id, source in stored.items() if source["oversight"]["status"] == "pending"}
        assert len(pending) > len(stored) / 2
        stream.watch(service)
        seen = [source for doc_id, source in stream.sources().items() if doc_id in pending]
        assert {source["oversight"]["prediction"]["label"] for source in seen} == {"overheating"}

    def test_attacks_that_are_forged_as_harmless_make_no_training_row(self, stream: Place, service: str) -> None:
        """50 attack rows with a forged verdict are not exported, neither before nor after the watcher
        predicted them.
        """
        ship(stream, [FORGED["nested"]] * 50)
        for _ in range(2):
            exported = Exported()
            assert list(rows(stream.es, stream.index, TURBINE, exported)) == []
            assert exported.left_out.total() == 0
            stream.watch(service)
        assert forged(stream.es, stream.index) == []
        doc_id = next(iter(stream.sources()))
        judge(stream.es, stream.index, doc_id, Verdict("true_positive", "ann"), labels=TURBINE.labels)
        stream.es.indices.refresh(index=stream.index)
        assert [row.label for row in rows(stream.es, stream.index, TURBINE, Exported())] == ["overheating"]

    def test_an_index_without_the_guard_is_not_exported_and_its_forgeries_are_named(self, stream: Place) -> None:
        """The index is older than the guard, or an administrator removed the guard."""
        require_guard(stream.es, stream.index)
        stream.es.indices.put_settings(index=stream.index, settings={"index.final_pipeline": "_none"})
        ship(
            stream,
            [
                {**FEATURES, "oversight": {"status": "enriched", "prediction": {"label": "healthy"}}},
                {**FEATURES, "oversight": {**OURS, "feedback": {"verdict": "false_positive", "by": "ann"}}},
                {**FEATURES, "oversight": {"status": "pending", "feedback": VERDICT}},
                {**FEATURES, "oversight": OURS},
            ],
        )
        with pytest.raises(InputError, match=r"the final pipeline is not Oversight's.*--unguarded"):
            list(rows(stream.es, stream.index, TURBINE, Exported()))
        assert [(sign, number) for sign, number in forged(stream.es, stream.index)] == [(sign, 1) for sign in SIGNS]
        assert len(list(rows(stream.es, stream.index, TURBINE, Exported(), unguarded=True))) == 3
        provision(stream.es, TURBINE, namespace=stream.index.rpartition("-")[2], force=True)
        exported = Exported()
        assert len(list(rows(stream.es, stream.index, TURBINE, exported))) == 1  # no sign shows that this one is forged
        assert exported.left_out == {f"it looks forged ({sign.says})": 1 for sign in SIGNS[1:]}


@pytest.fixture
def opensearch_stream(opensearch_url: str, namespace: str) -> Iterator[Place]:
    """A data stream in its own installation."""
    with Elasticsearch(opensearch_url, request_timeout=WAIT_S) as es:
        provision(es, TURBINE, namespace=namespace)
        yield Place(es, stream_name(namespace))
        remove(es, namespace)


@pytest.mark.opensearch
class TestDataStream:
    """On the engine with data streams."""

    def test_where_no_script_runs_dotted_fields_are_cleared_too(self, opensearch_stream: Place) -> None:
        """An integer beyond 64 bits stops the scripts of OpenSearch; processors without a script clear the fields."""
        for document in FORGED.values():
            ship(opensearch_stream, [{**document, "uid": 2**64}])
        stored = [*opensearch_stream.sources().values()]
        assert len(stored) == len(FORGED)
        for source in stored:
            refuse_forgery(source)
            assert source["oversight"]["status"] == "failed"

    def test_the_request_that_check_prints_finds_the_counted_documents(self, opensearch_stream: Place) -> None:
        es, stream = opensearch_stream.es, opensearch_stream.index
        es.indices.put_settings(index=stream, settings={"index.final_pipeline": "_none"})
        ship(
            opensearch_stream,
            [
                {"oversight": {"status": "enriched"}},
                {"oversight": {"status": "pending", "feedback": VERDICT}},
                {"oversight": {**OURS, "feedback": {"verdict": "false_positive", "at": FUTURE}}},
                {"oversight": OURS},
            ],
        )
        for sign, number in forged(es, stream):
            method, path = sign.request(stream).split(" ", 1)
            found = es.perform_request(method, f"/{path}", headers={"accept": "application/json"}).body
            assert found["hits"]["total"]["value"] == number == 1

    def test_an_update_by_query_keeps_predictions_and_parses_failed_lines(
        self, opensearch_stream: Place, service: str
    ) -> None:
        """`_update_by_query` writes to the backing indices, also to older ones, and runs the final pipeline."""
        stream, es = opensearch_stream, opensearch_stream.es
        ship(stream, [{"message": HOT_LINE}, {"message": "61.5~steady~1.2"}])
        es.indices.rollover(alias=stream.index)
        ship(stream, [{"message": HOT_LINE}])
        stream.watch(service)
        before = stream.all()
        hot = [doc_id for doc_id, hit in before.items() if hit["_source"]["oversight"]["status"] == "enriched"]
        judge(es, stream.index, hot[0], Verdict("true_positive", "ann"), labels=TURBINE.labels)
        before = stream.all()
        script = {
            "source": "ctx._source.tags = ['seen']; if (ctx._source.event.original.contains('~')) "
            "{ ctx._source.event.original = ctx._source.event.original.replace('~', ',') }"
        }
        answer = es.perform_request(
            "POST",
            f"/{stream.index}/_update_by_query?refresh=true",
            body={"script": script},
            headers={"accept": "application/json", "content-type": "application/json"},
        )
        assert answer.body["updated"] == 3
        after = stream.all()
        assert len({hit["_index"] for hit in after.values()}) == 2
        for doc_id, hit in after.items():
            was, now = before[doc_id]["_source"], hit["_source"]
            assert now["event"]["ingested"] == was["event"]["ingested"]
            if doc_id in hot:
                assert now == {**was, "tags": ["seen"]}
            else:
                assert (was["oversight"]["status"], now["oversight"]["status"]) == ("failed", "pending")
                assert "error" not in now

    def test_the_recipe_of_the_docs_copies_predictions_and_verdicts(
        self, opensearch_stream: Place, namespace: str, service: str
    ) -> None:
        """The test runs the requests of docs/provisioning.md word for word; without the recipe `_reindex` counts as new
        events.
        """
        es, stream = opensearch_stream.es, opensearch_stream
        ship(stream, [{"message": HOT_LINE}])
        stream.watch(service)
        (doc_id,) = stream.sources()
        judge(es, stream.index, doc_id, Verdict("true_positive", "ann"), labels=TURBINE.labels)
        old = f"restored-{namespace}"
        try:
            reindex(es, stream.index, old, "index")
            original = es.get(index=old, id=doc_id)["_source"]
            es.indices.delete_data_stream(name=stream.index)
            provision(es, TURBINE, namespace=namespace)
            reindex(es, old, stream.index, "create")
            refuse_forgery(stream.sources()[doc_id])
            es.indices.delete_data_stream(name=stream.index)
            provision(es, TURBINE, namespace=namespace)
            for method, path, body in recipe():
                text = json.dumps(body).replace("restored-events", old)
                text = re.sub(r"(logs-oversight\.connection|oversight-router)-default", rf"\1-{namespace}", text)
                path = path.replace("logs-oversight.connection-default", stream.index)
                es.perform_request(
                    method,
                    f"{path}?refresh=true" if path == "/_reindex" else path,
                    body=json.loads(text),
                    headers={"accept": "application/json", "content-type": "application/json"},
                )
            assert stream.sources()[doc_id] == original
            assert plan(es, TURBINE, namespace=namespace)[0].writes == []
            require_guard(es, stream.index)
        finally:
            es.indices.delete(index=old, ignore_unavailable=True)

    def test_provision_guards_a_stream_that_exists(self, opensearch_stream: Place, namespace: str) -> None:
        """All its indices get the guard and the plan shows it; a final pipeline that a person set is named and kept."""
        es, stream = opensearch_stream.es, opensearch_stream.index
        es.indices.rollover(alias=stream)
        router = pipeline_id("router", namespace)
        earlier = {"index.default_pipeline": router, "index.final_pipeline": None}
        newest = max(es.indices.get(index=stream))
        for indices in (stream, newest):
            es.indices.put_settings(
                index=stream, settings={"index.default_pipeline": "_none", "index.final_pipeline": router}
            )
            es.indices.put_settings(index=indices, settings=earlier)
            (step,) = [one for one in plan(es, TURBINE, namespace=namespace)[0].steps if one.kind == "data stream"]
            assert step.action == Action.UPDATE
            assert any(line.startswith("+") and router in line for line in step.diff), step.diff
            provision(es, TURBINE, namespace=namespace)
            settings = es.indices.get_settings(index=stream, flat_settings=True)
            assert len(settings) == 2
            for body in settings.values():
                assert body["settings"]["index.default_pipeline"] == "_none"
                assert body["settings"]["index.final_pipeline"] == router
        es.indices.put_settings(index=stream, settings={"index.final_pipeline": "_none"})
        (step,) = [one for one in plan(es, TURBINE, namespace=namespace)[0].steps if one.kind == "data stream"]
        assert (step.action, "index.final_pipeline" in step.reason) == (Action.KEEP, True)


def reindex(es: Elasticsearch, source: str, target: str, op: str) -> None:
    body = {"source": {"index": source}, "dest": {"index": target, "op_type": op}}
    es.perform_request(
        "POST",
        "/_reindex?refresh=true",
        body=body,
        headers={"accept": "application/json", "content-type": "application/json"},
    )


def recipe() -> list[tuple[str, str, Any]]:
    """Method, path and body of each request in the recipe."""
    text = Path("docs/provisioning.md").read_text(encoding="utf-8")
    block = text.partition("## Copy documents into the stream")[2].split("```")[1].strip()
    requests = [part.split("\n", 1) for part in block.split("\n\n")]
    return [(head.split(" ")[0], f"/{head.split(' ')[1]}", json.loads(body)) for head, body in requests]
