"""Golden cases: an incoming event, and the document that the pipelines must make of it on every engine.

    GROUP/CASE.log             a raw line, shipped as `message`  ┐
    GROUP/CASE.json            a document as a shipper sends it  ┴─▶ GROUP/CASE-expected.json   (null: dropped)

The model reads all 41 columns of KDD Cup 99; in the group `flow` the 26 that a flow log has; in `pump` dates,
booleans, words that are integers, and values that may be missing. The cases in `limits` reach limits that only a real
engine has; there `{"<repeated>": [value, count]}` is a long list. The cases in `rewrites` are stored documents that run
through the pipelines again under the name of their backing index. `make golden` rewrites the expected documents; review
the diff.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from contract.documents.fields import stream_name
from contract.documents.paths import lookup
from es_pipelines.definition.failures import CODES
from es_pipelines.definition.parameters import pipeline_id
from tests.golden.conftest import GOLDEN_NAMESPACE, MODELS, namespace_of
from tests.pipelines import comparable, creations, simulate

HERE = Path(__file__).parent
REWRITE = os.environ.get("OVERSIGHT_GOLDEN") == "rewrite"
SUFFIX = "-expected"
INPUTS = sorted(
    path for path in HERE.glob("*/*") if path.suffix in (".log", ".json") and not path.stem.endswith(SUFFIX)
)
LIMITS = [path for path in INPUTS if path.parent.name == "limits"]
REWRITES = [path for path in INPUTS if path.parent.name == "rewrites"]
REPEATED = "<repeated>"
COPY_OF_A_FAILED_EVENT = "copy-of-a-failed-event"
"""The pipelines can parse its line when it runs through them again as a stored document, so it changes."""
Simulated = list[tuple[str, list[Path], list[dict[str, Any] | None]]]


def event(path: Path) -> dict[str, Any]:
    """The document that a shipper sends."""
    if path.suffix == ".log":
        return {"message": path.read_bytes().decode().removesuffix("\n")}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {key: _repeated(value) for key, value in document.items()}


def _repeated(value: Any) -> Any:
    if not isinstance(value, dict) or list(value) != [REPEATED]:
        return value
    item, count = value[REPEATED]
    return [item] * count


def expectation(path: Path) -> Path:
    """Path of the expected document."""
    return path.with_name(f"{path.stem}{SUFFIX}.json")


def expected(path: Path) -> Any:
    """The expected document; None if the pipelines drop the event."""
    return json.loads(expectation(path).read_text(encoding="utf-8"))


def groups() -> list[tuple[str, list[Path]]]:
    """The installations, each with its cases."""
    usual = [path for path in INPUTS if path not in [*LIMITS, *REWRITES]]
    of_each = {
        namespace_of(group): [path for path in usual if namespace_of(path.parent.name) == namespace_of(group)]
        for group in MODELS
    }
    return list(of_each.items())


@pytest.fixture(scope="session")
def simulated(provisioned: Elasticsearch) -> Simulated:
    """The results of an engine for all cases: installation, cases, their documents."""
    return [(namespace, paths, simulate(provisioned, namespace, map(event, paths))) for namespace, paths in groups()]


def test_every_event_becomes_the_expected_document(simulated: Simulated) -> None:
    """The pipelines give the same document on every engine. A failure lists all cases that differ."""
    found = {
        path: comparable(result, namespace)
        for namespace, paths, results in simulated
        for path, result in zip(paths, results, strict=True)
    }
    assert _differing(found) == {}


@pytest.mark.opensearch
def test_every_event_at_an_engines_limit_becomes_the_expected_document(provisioned_streams: Elasticsearch) -> None:
    """An integer beyond 64 bits stops every script, and a million items stop the loop over them; the line is kept."""
    items = provisioned_streams.bulk(
        index=stream_name(GOLDEN_NAMESPACE), operations=creations(map(event, LIMITS)), refresh=True
    )["items"]  # `_simulate` cannot return such an integer
    places = [{"_index": item["create"]["_index"], "_id": item["create"]["_id"]} for item in items]
    stored = provisioned_streams.mget(docs=places)["docs"]
    found = {
        path: comparable(document["_source"], GOLDEN_NAMESPACE) for path, document in zip(LIMITS, stored, strict=True)
    }
    assert _differing(found) == {}


@pytest.mark.opensearch
def test_every_rewrite_becomes_the_expected_document(provisioned_streams: Elasticsearch) -> None:
    """A predicted document stays unchanged; a failed one is parsed again and keeps its arrival time and verdict."""
    results = simulate(
        provisioned_streams, GOLDEN_NAMESPACE, map(event, REWRITES), index=backing_index(GOLDEN_NAMESPACE)
    )
    found = {path: comparable(result, GOLDEN_NAMESPACE) for path, result in zip(REWRITES, results, strict=True)}
    assert _differing(found) == {}


def backing_index(namespace: str) -> str:
    """Name of the first index behind a stream."""
    return f".ds-{stream_name(namespace)}-000001"


def _differing(found: dict[Path, Any]) -> dict[str, Any]:
    """Documents that differ from the expected ones, by case; `make golden` writes them instead."""
    if REWRITE:
        for path, document in found.items():
            text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
            expectation(path).write_text(f"{text}\n", encoding="utf-8")
    return {str(path.relative_to(HERE)): document for path, document in found.items() if document != expected(path)}


def test_a_stored_document_does_not_change_in_a_second_run(provisioned: Elasticsearch, simulated: Simulated) -> None:
    """The pipelines are idempotent: a stored document stays the same."""
    differing = []
    has_streams = provisioned.indices.resolve_index(name=stream_name(GOLDEN_NAMESPACE)).body["data_streams"]
    for namespace, paths, results in simulated:
        first = [
            document
            for path, document in zip(paths, results, strict=True)
            if document is not None and path.stem != COPY_OF_A_FAILED_EVENT
        ]
        second = simulate(provisioned, namespace, first, index=backing_index(namespace))
        if not has_streams:  # then each write through a pipeline counts as a new document with a new arrival time
            first, second = ([comparable(document, namespace) for document in run] for run in (first, second))
        differing += [(one, two) for one, two in zip(first, second, strict=True) if one != two]
    assert differing == []


@pytest.mark.opensearch
@pytest.mark.parametrize("group", [0, 1, 2], ids=["all", "flow", "pump"])
def test_every_event_is_stored_and_searchable(provisioned_streams: Elasticsearch, group: int) -> None:
    """A data stream stores the simulated document; its status, feature and failure are searchable."""
    namespace, paths = groups()[group]
    es, stream = provisioned_streams, stream_name(namespace)
    answer = es.bulk(index=stream, operations=creations(map(event, paths)), refresh=True)
    items = [item["create"] for item in answer["items"]]
    assert {str(path): item["error"] for path, item in zip(paths, items, strict=True) if "error" in item} == {}
    ids = [item["_id"] for item in items]
    feature = "pump.port" if group == 2 else "kdd99.src_bytes"
    fields = [{"field": name} for name in ("oversight.status", "error.type", feature, "event.kind")]
    hits = es.search(index=stream, query={"ids": {"values": ids}}, docvalue_fields=fields, size=len(ids))["hits"][
        "hits"
    ]
    stored = {hit["_id"]: hit for hit in hits}
    for path, key in zip(paths, ids, strict=True):
        wanted = expected(path)
        if wanted is None:
            assert key not in stored, path
            continue
        again = comparable(stored[key]["_source"], namespace)
        assert again == wanted, path
        found = stored[key]["fields"]
        assert found["oversight.status"] == [again["oversight"]["status"]], path
        assert found["event.kind"] == [again["event"]["kind"]], path
        assert found.get("error.type") == ([again["error"]["type"]] if "error" in again else None), path
        if again["oversight"]["status"] == "pending":
            assert found[feature] == [lookup(again, feature)], path


def test_events_of_our_shippers_take_the_short_way(provisioned: Elasticsearch) -> None:
    """A field that `es_pipelines/definition/plain_row.py` does not know makes each event of a shipper about ten times
    as expensive.
    """
    ours = {
        path.stem: event(path) for path in INPUTS if path.parent.name == "shippers" and path.stem.startswith("ours-")
    }
    assert len(ours) == 5
    router = pipeline_id("router", GOLDEN_NAMESPACE)
    long_way = provisioned.ingest.get_pipeline(id=router)[router]["processors"][-1]["pipeline"]
    assert long_way["name"] == pipeline_id("parse", GOLDEN_NAMESPACE)
    short = provisioned.ingest.get_pipeline(id=router)[router]["processors"][:-1]
    results = provisioned.ingest.simulate(
        pipeline={"processors": short}, docs=[{"_source": source} for source in ours.values()]
    )["docs"]
    assert [name for name, result in zip(ours, results, strict=True) if "_oversight" in result["doc"]["_source"]] == []


def test_every_failure_code_has_a_case() -> None:
    """A code without a case may be unused."""
    documents = [document for document in map(expected, INPUTS) if document is not None]
    assert {document["error"]["type"] for document in documents if "error" in document} == set(CODES)


def test_no_expected_document_is_left_without_its_event() -> None:
    """A renamed case must not leave its expected document behind."""
    known = {expectation(path) for path in INPUTS}
    assert [path for path in HERE.glob(f"*/*{SUFFIX}.json") if path not in known] == []
