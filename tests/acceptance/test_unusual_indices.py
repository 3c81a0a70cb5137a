"""Unusual indices: closed, filtered or synthetic `_source`, full mappings; and a model with more features than fit
in a URL.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from elasticsearch import Elasticsearch
from onnx import TensorProto, helper, numpy_helper

from contract.artifact.contract import Feature, Label, ModelContract
from contract.documents.fields import FIELDS, properties, stream_name
from tests.acceptance.commands import Terminal
from tests.artifacts import TURBINE, write_model
from tests.integration.watcher.conftest import event
from tests.servers import enrich_service
from tests.waiting import WAIT_S, wait_until

ELASTICSEARCH = pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)
OPENSEARCH = pytest.param("opensearch", marks=pytest.mark.opensearch)
OURS = properties(FIELDS)


@pytest.fixture
def engine_url(request: pytest.FixtureRequest) -> str:
    """Address of the engine that a test uses."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="module")
def turbine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Settings for a small model and its service."""
    model = write_model(tmp_path_factory.mktemp("turbine") / "model.onnx")
    with enrich_service(model) as url:
        yield {"OVERSIGHT_MODEL": str(model), "OVERSIGHT_ENRICH_URL": url}


@pytest.fixture
def mine(terminal: Terminal, turbine: dict[str, str]) -> Terminal:
    """A terminal with that model."""
    return Terminal(terminal.folder, {**terminal.settings, **turbine})


@pytest.fixture
def flows(es: Elasticsearch, namespace: str) -> Iterator[str]:
    """Prefix for the names of foreign indices, which are deleted at the end."""
    yield f"flows-{namespace}"
    names = es.indices.get(index=f"flows-{namespace}*", expand_wildcards="all")
    for name in names:
        es.indices.delete(index=name)


def put(es: Elasticsearch, index: str, documents: list[dict[str, Any]], **body: Any) -> None:
    es.indices.create(index=index, **body)
    for number, document in enumerate(documents):
        es.index(index=index, id=str(number), document=document)
    es.indices.refresh(index=index)


def statuses(es: Elasticsearch, index: str) -> list[str]:
    es.indices.refresh(index=index)
    hits = es.search(index=index, size=1_000)["hits"]["hits"]
    return sorted(hit["_source"]["oversight"]["status"] for hit in hits)


def check_that_commands_continue(terminal: Terminal, closed: str, *, pending: int) -> None:
    """Each command names the closed index once and works with the other indices."""
    once = terminal.type("watch", "--once", "--json")
    assert once.returncode == 0, once.stderr
    assert json.loads(once.stdout)["enriched"] == pending
    assert len([line for line in once.stderr.splitlines() if f"{closed} is closed" in line]) == 1
    status = terminal.json("status")
    assert status["closed"] == [closed]
    assert status["enriched"] == pending
    for words in (
        ("status",),
        ("rescore", "--all", "--yes"),
        ("retry", "--yes"),
        ("labels", "export", "--unguarded", "--output", "labels.csv"),
    ):
        done = terminal.type(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        assert (done.stdout + done.stderr).count(f"{closed} is closed") == 1, words
    stream = next(one for one in json.loads(terminal.type("check", "--json").stdout) if one["about"] == "stream")
    assert stream["good"], stream
    assert f"{closed} is closed" in stream["says"]


@pytest.mark.parametrize("engine_url", [OPENSEARCH], indirect=True)
def test_commands_name_a_closed_backing_index_and_continue(mine: Terminal, es: Elasticsearch, namespace: str) -> None:
    """Operators close old indices to save memory."""
    stream = stream_name(namespace)
    assert mine.type("provision").returncode == 0
    lines = [json.dumps({"turbine": event(number)["turbine"]}) for number in range(6)]
    (mine.folder / "one.json").write_text("\n".join(lines[:3]), encoding="utf-8")
    (mine.folder / "two.json").write_text("\n".join(lines[3:]), encoding="utf-8")
    assert mine.json("ship", "one.json")["stored"] == 3
    old = es.indices.rollover(alias=stream)["old_index"]
    es.indices.close(index=old)
    shipped = mine.type("ship", "two.json")
    assert shipped.returncode == 0, shipped.stderr
    assert len([line for line in shipped.stderr.splitlines() if f"{old} is closed" in line]) == 1
    check_that_commands_continue(mine, old, pending=3)
    es.indices.open(index=old)
    assert mine.type("watch", "--once").returncode == 0
    assert statuses(es, stream) == ["enriched"] * 6


@pytest.mark.parametrize("engine_url", [ELASTICSEARCH], indirect=True)
def test_commands_name_a_closed_index_in_an_alias_or_a_list_and_continue(
    mine: Terminal, es: Elasticsearch, flows: str
) -> None:
    first, second = f"{flows}-1", f"{flows}-2"
    for name in (first, second):
        put(es, name, [event(number) for number in range(4)], mappings={"properties": OURS})
    es.indices.put_alias(index=f"{first},{second}", name=f"{flows}-all")
    es.indices.close(index=first)
    listed = Terminal(mine.folder, {**mine.settings, "OVERSIGHT_INDEX": f"{first},{second}"})
    check_that_commands_continue(listed, first, pending=4)
    check_that_commands_continue(
        Terminal(mine.folder, {**mine.settings, "OVERSIGHT_INDEX": f"{flows}-all"}), first, pending=4
    )
    third = listed.type("watch", "--once", "--index", f"{first},{second},{flows}-3")
    assert f"only {first},{second} exist" in third.stdout, "a missing index needs another message than a closed one"
    es.indices.close(index=second)
    nothing = listed.type("status")
    assert nothing.returncode == 1
    assert "closed" in nothing.stderr


@pytest.mark.parametrize("engine_url", [ELASTICSEARCH], indirect=True)
@pytest.mark.parametrize(
    "source", [{"excludes": ["secret"]}, {"includes": ["oversight", "turbine"]}, {"enabled": False}]
)
def test_an_index_with_filtered_source_is_never_written(
    mine: Terminal, es: Elasticsearch, flows: str, source: dict[str, Any]
) -> None:
    """An update would write `_source` back, and the values that it leaves out would be lost."""
    put(
        es,
        flows,
        [event(1, secret="s")],
        mappings={"_source": source, "properties": {**OURS, "secret": {"type": "keyword"}}},
    )
    there = Terminal(mine.folder, {**mine.settings, "OVERSIGHT_INDEX": flows})
    once = there.type("watch", "--once")
    assert once.returncode == 1
    assert f"leaves fields out of `_source` in {flows}" in once.stdout
    assert flows in once.stderr
    for words in (("status",), ("check",)):
        assert "_source." in there.type(*words).stdout, words
    there.type("rescore", "--missing", "--yes")
    found = es.search(index=flows, query={"term": {"secret": "s"}}, version=True)["hits"]["hits"]
    assert [hit["_version"] for hit in found] == [1]


@pytest.mark.parametrize("engine_url", [ELASTICSEARCH], indirect=True)
def test_synthetic_source_is_reported_and_top_labels_stay_readable(
    mine: Terminal, es: Elasticsearch, flows: str
) -> None:
    """The engine sorts the words of an array, so each word contains its own number."""
    put(es, flows, [event(1, numbers=[3, 1, 2])], settings={"index.mapping.source.mode": "synthetic"})
    there = Terminal(mine.folder, {**mine.settings, "OVERSIGHT_INDEX": flows})
    es.indices.put_mapping(index=flows, properties={"oversight": {"properties": {"other": {"type": "keyword"}}}})
    once = there.type("watch", "--once")
    assert f"synthetic in {flows}" in once.stdout
    es.indices.refresh(index=flows)
    (hit,) = es.search(index=flows)["hits"]["hits"]
    prediction = hit["_source"]["oversight"]["prediction"]
    numbers = {word.rpartition(" ")[0]: float(word.rpartition(" ")[2]) for word in prediction["top"]}
    assert max(numbers, key=numbers.__getitem__) == prediction["closest"]
    assert numbers[prediction["closest"]] == pytest.approx(prediction["probability"], abs=1e-3)
    assert hit["_source"]["numbers"] == [1, 2, 3], "the engine sorted it before the prediction"


@pytest.mark.parametrize("engine_url", [ELASTICSEARCH], indirect=True)
def test_a_foreign_index_with_the_mapping_of_an_older_version_still_accepts_predictions(
    mine: Terminal, es: Elasticsearch, flows: str
) -> None:
    """Its dynamic mapping rejects words in `oversight.prediction.top`, so the watcher writes objects as before."""
    old = event(1)
    old["oversight"] = {"status": "pending", "prediction": {"top": [{"label": "healthy", "probability": 0.9}]}}
    put(es, flows, [old], mappings={"properties": {"oversight": {"properties": {"status": {"type": "keyword"}}}}})
    there = Terminal(mine.folder, {**mine.settings, "OVERSIGHT_INDEX": flows})
    once = there.type("watch", "--once")
    assert once.returncode == 0, once.stdout
    es.indices.refresh(index=flows)
    (hit,) = es.search(index=flows)["hits"]["hits"]
    assert hit["_source"]["oversight"]["prediction"]["top"][0]["label"] == "overheating"


FULL: dict[str, tuple[dict[str, Any], str]] = {
    "total_fields": ({"settings": {"index.mapping.total_fields.limit": 20}, "mappings": {}}, "Limit of total fields"),
    "strict": ({"mappings": {"dynamic": "strict"}}, "strict"),
}


@pytest.mark.parametrize("engine_url", [ELASTICSEARCH, OPENSEARCH], indirect=True)
@pytest.mark.parametrize("kind", FULL)
def test_commands_quote_the_engines_reason_if_documents_cannot_be_written(
    mine: Terminal, es: Elasticsearch, flows: str, kind: str
) -> None:
    """`--once` exits with 1; `status` and `check` show the reason afterwards."""
    body, reason = FULL[kind]
    document = event(1)
    wide = {
        "properties": {
            "@timestamp": {"type": "date"},
            "event": {"properties": {"original": {"type": "keyword"}, "ingested": {"type": "date"}}},
            "oversight": {"properties": {"status": {"type": "keyword"}}},
            "turbine": {
                "properties": {
                    "temperature_c": {"type": "float"},
                    "vibration_mm_s": {"type": "float"},
                    "state": {"properties": {"mode": {"type": "keyword"}}},
                }
            },
        }
    }
    put(es, flows, [document, document], **{**body, "mappings": {**body["mappings"], **wide}})
    there = Terminal(mine.folder, {**mine.settings, "OVERSIGHT_INDEX": flows})
    once = there.type("watch", "--once")
    assert once.returncode == 1
    assert "2 documents cannot be written" in once.stderr
    assert reason in once.stderr
    assert reason in once.stdout, "the log must contain it too"
    wait_until(lambda: reason in there.type("status").stdout, "the last heartbeat to be searchable")
    es.update(index=flows, id="0", doc={"event": {"ingested": "2020-01-01T00:00:00Z"}}, refresh=True)
    pending = next(one for one in json.loads(there.type("check", "--json").stdout) if one["about"] == "pending")
    assert not pending["good"]
    assert reason in pending["says"]
    assert statuses(es, flows) == ["pending", "pending"]


WIDE = 500


@pytest.fixture(scope="module")
def wide_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Settings for a model with 500 long feature names; their list is 20 times as long as a URL may be."""
    features = tuple(
        Feature(
            f"measurement_{number:03d}_of_a_long_name",
            f"wide.measurement_{number:03d}_of_a_long_name",
            "float",
            minimum=0.0,
            maximum=1.0,
            background=0.5,
        )
        for number in range(WIDE)
    )
    contract: ModelContract = replace(
        TURBINE,
        name="wide",
        features=features,
        labels=(Label("high", "attack", 73), Label("low", "fine", 0)),
        families=("attack", "fine"),
        novelty_threshold=None,
    )
    weights = np.concatenate([np.full((WIDE, 1), 1.0), np.full((WIDE, 1), -1.0)], axis=1).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Sub", ["numeric", "half"], ["centred"]),
            helper.make_node("MatMul", ["centred", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "wide",
        [helper.make_tensor_value_info("numeric", TensorProto.FLOAT, ["n", WIDE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.array(0.5, np.float32), "half")],
    )
    model = write_model(tmp_path_factory.mktemp("wide") / "model.onnx", contract, graph=graph)
    assert onnx.load(model) is not None
    with enrich_service(model) as url:
        yield {"OVERSIGHT_MODEL": str(model), "OVERSIGHT_ENRICH_URL": url}


@pytest.mark.parametrize("engine_url", ["embedded", OPENSEARCH], indirect=True)
def test_a_model_with_500_features_predicts_on_documents_of_more_than_4_kb(
    terminal: Terminal, es: Elasticsearch, namespace: str, wide_model: dict[str, str]
) -> None:
    """From the line to the prediction, `rescore` and `labels export`, no request has a list of fields in its URL."""
    patient = {"ELASTICSEARCH_TIMEOUT_S": f"{WAIT_S:g}"}  # a busy machine may need longer than a user would wait
    wide = Terminal(terminal.folder, {**terminal.settings, **wide_model, **patient})
    provisioned = wide.type("provision")
    assert provisioned.returncode == 0, provisioned.stderr
    names = [f"measurement_{number:03d}_of_a_long_name" for number in range(WIDE)]
    lines = [json.dumps({"wide": dict.fromkeys(names, round(0.4 + 0.2 * (row % 2), 1))}) for row in range(60)]
    (wide.folder / "rows.json").write_text("\n".join(lines), encoding="utf-8")
    assert wide.json("ship", "rows.json")["stored"] == 60
    once = wide.type("watch", "--once", "--page-size", "20")
    assert once.returncode == 0, once.stderr
    es.indices.refresh(index=stream_name(namespace))
    found = es.search(index=f"logs-*-{namespace}", size=100, source=["oversight"])  # type: ignore[arg-type]
    hits = found["hits"]["hits"]
    assert sorted(hit["_source"]["oversight"]["prediction"]["label"] for hit in hits) == ["high"] * 30 + ["low"] * 30
    assert wide.type("rescore", "--all", "--yes").returncode == 0
    assert wide.type("watch", "--once").returncode == 0
    high = next(hit["_id"] for hit in hits if hit["_source"]["oversight"]["prediction"]["label"] == "high")
    assert wide.type("verdict", high, "true_positive", "--by", "ana").returncode == 0
    exported = wide.type("labels", "export", "--output", "labels.csv")
    assert exported.returncode == 0, exported.stderr
    header, row = (wide.folder / "labels.csv").read_text(encoding="utf-8").splitlines()
    assert len(header.split(",")) == len(row.split(",")) == WIDE + 1
