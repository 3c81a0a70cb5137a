"""Rows of a file get the same predictions as documents with the same values get from the service."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import orjson
import pytest
from msgspec import UNSET
from onnx import TensorProto, helper

from common.tables.batch import Batch
from contract.artifact.contract import ModelContract, ScoreOutput, ValueOutput
from contract.artifact.from_json import labels_of_task
from contract.errors import InputError
from enrich_service.files.output import Lines, form_of, replaced
from enrich_service.files.score import Scorer
from enrich_service.model.artifact import Artifact, load
from enrich_service.predict.enrich import Enricher
from enrich_service.predict.page import Page
from tests.artifacts import TURBINE, without_novelty, write_model

N = 300
RNG = np.random.default_rng(5)
COLUMNS: dict[str, list[Any]] = {
    "temperature_c": RNG.uniform(-50, 200, N).round(2).tolist(),
    "MODE": RNG.choice(["steady", "starting", "off", 'new, "odd"'], N).tolist(),
    "vibration_mm_s": RNG.uniform(0, 30, N).round(3).tolist(),
}
BAD = {3: "x", 7: None, 8: 1e39}
for place, value in BAD.items():
    COLUMNS["temperature_c"][place] = value


def test_a_row_gets_the_prediction_of_the_document(turbine: Artifact) -> None:
    """Label, probability, novelty, reasons and errors, row by row."""
    names = {"temperature_c": "turbine.temperature_c", "MODE": "turbine.state.mode"}
    names["vibration_mm_s"] = "turbine.vibration_mm_s"
    documents = [orjson.dumps({names[name]: column[i] for name, column in COLUMNS.items()}) for i in range(N)]
    results = Enricher(turbine, cache_bytes=0).enrich(Page([str(i) for i in range(N)], documents))
    scored = Scorer(turbine).score(Batch(1, N, COLUMNS))
    rows = dict(zip(scored.index.tolist(), range(N), strict=False))
    assert sorted(scored.errors) == sorted(BAD)
    for i, result in enumerate(results):
        if result.error is not UNSET:
            assert scored.errors[i] == result.error.message
            continue
        assert result.fields is not UNSET
        prediction = result.fields.oversight.prediction
        row = {name: cells[rows[i]] for name, cells in scored.columns.items()}
        assert row == {
            "label": prediction.label,
            "probability": prediction.probability,
            "novelty": prediction.novelty,
            "unknown": prediction.unknown,
            "reasons": [] if prediction.reasons is UNSET else prediction.reasons,
        }
    flagged = sum(r.fields is not UNSET and (r.fields.event.severity > 0) for r in results)
    assert 0 < scored.alerts < N
    assert scored.alerts >= flagged


def test_each_row_is_a_line_of_csv(turbine: Artifact) -> None:
    scorer = Scorer(turbine)
    lines = Lines("csv", scorer.columns)
    scored = scorer.score(Batch(1, N, COLUMNS))
    text = (lines.header + lines.encode(scored)).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(rows[0]) == ["label", "probability", "novelty", "unknown", "reasons", "error"]
    assert len(rows) == N
    for row, place in zip(range(len(scored.index)), scored.index.tolist(), strict=True):
        found = rows[place]
        assert found["label"] == scored.columns["label"][row]
        assert float(found["probability"]) == scored.columns["probability"][row]
        assert found["unknown"] == str(scored.columns["unknown"][row]).lower()
        assert found["reasons"].split(" | ") == (scored.columns["reasons"][row] or [""])
        assert found["error"] == ""
    assert {place: rows[place]["error"] for place in BAD} == scored.errors
    assert {name: value for name, value in rows[3].items() if value} == {"error": scored.errors[3]}


def test_each_row_is_a_line_of_json(turbine: Artifact) -> None:
    scorer = Scorer(turbine)
    scored = scorer.score(Batch(1, N, COLUMNS))
    rows = [orjson.loads(line) for line in Lines("jsonl", scorer.columns).encode(scored).splitlines()]
    assert len(rows) == N
    assert rows[3] == {"error": scored.errors[3]}
    first = {name: cells[0] for name, cells in scored.columns.items() if cells[0] != []}
    assert rows[0] == first


def test_a_batch_without_a_good_row_has_errors_only(turbine: Artifact) -> None:
    scorer = Scorer(turbine)
    scored = scorer.score(Batch(1, 2, {}, {0: "broken", 1: "broken too"}))
    assert Lines("csv", scorer.columns).encode(scored) == b",,,,,broken\n,,,,,broken too\n"
    assert Lines("jsonl", scorer.columns).encode(scored) == b'{"error":"broken"}\n{"error":"broken too"}\n'


def graph_of(output: str, shape: list[int | str]) -> onnx.GraphProto:
    """The first number only, as a value or a score."""
    nodes = [
        helper.make_node("Constant", [], ["first"], value_ints=[0]),
        helper.make_node("Gather", ["numeric", "first"], ["column"], axis=1),
        helper.make_node("Constant", [], ["flat"], value_ints=[-1]),
        helper.make_node("Reshape", ["column", "flat"], [output]),
    ]
    numeric = helper.make_tensor_value_info("numeric", TensorProto.FLOAT, ["n", 2])
    return helper.make_graph(nodes, "g", [numeric], [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)])


def of_task(task: Any, **more: Any) -> ModelContract:
    labels, families = labels_of_task(task)
    return replace(
        without_novelty(), task=task, features=TURBINE.numeric, labels=labels, families=families, heldout={}, **more
    )


def test_a_regression_has_a_value(tmp_path: Path) -> None:
    contract = of_task("regression", value=ValueOutput("°C", high=100.0))
    scorer = Scorer(load(write_model(tmp_path / "m.onnx", contract, graph=graph_of("value", ["n"]))))
    assert scorer.columns == ("label", "value", "reasons", "error")
    batch = Batch(1, 2, {"temperature_c": ["61.5", "120.25"], "vibration_mm_s": ["1", "2"]})
    scored = scorer.score(batch)
    names = [label.name for label in contract.labels]
    assert (scored.columns["value"], scored.columns["label"], scored.alerts) == ([61.5, 120.25], names, 1)
    assert Lines("csv", scorer.columns).encode(scored).decode().splitlines()[0] == f"{names[0]},61.5,,"
    assert "temperature_c is 120" in str(scored.columns["reasons"][1])


def test_an_anomaly_has_a_score(tmp_path: Path) -> None:
    contract = of_task("anomaly", score=ScoreOutput(100.0))
    artifact = load(write_model(tmp_path / "m.onnx", contract, graph=graph_of("score", ["n"])))
    scorer = Scorer(artifact, reasons=False)
    assert scorer.columns == ("label", "score", "error")
    scored = scorer.score(Batch(1, 2, {"temperature_c": [61.5, 120.25], "vibration_mm_s": [1, 2]}))
    assert (scored.columns["score"], scored.alerts) == ([61.5, 120.25], 1)


def test_several_labels_are_a_list(tmp_path: Path) -> None:
    labels = tuple(replace(TURBINE.labels[place], severity=severity) for place, severity in ((0, 40), (2, 50), (1, 0)))
    contract = replace(without_novelty(), labels=labels, several_labels=True, heldout={})
    from tests.artifacts import turbine_graph

    graph = turbine_graph()
    del graph.output[1]
    scorer = Scorer(load(write_model(tmp_path / "m.onnx", contract, graph=graph)), reasons=False)
    assert scorer.columns == ("label", "probability", "labels", "error")
    scored = scorer.score(Batch(1, N, COLUMNS))
    assert all(isinstance(cell, list) and len(cell) >= 1 for cell in scored.columns["labels"])
    lines = Lines("csv", scorer.columns).encode(scored).decode().splitlines()
    assert lines[0].split(",")[2] == " | ".join(scored.columns["labels"][0])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["x", "x.parquet", "x.gz", ".csv"])
def test_an_output_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"ends in none of \.csv, \.jsonl"):
        form_of(Path(name))


def test_an_error_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "out.csv.gz"
    path.write_bytes(b"earlier")

    def fail() -> None:
        with replaced(path) as file:
            file.write(b"new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [each.name for each in tmp_path.iterdir()] == ["out.csv.gz"]
    assert path.read_bytes() == b"earlier"
