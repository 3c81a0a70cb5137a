"""Somebody else's Keras model, of another domain, goes the whole way through the same commands without a change of code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from contract.fields import stream_name
from tests.acceptance.commands import Desk
from tests.servers import enrich_service

CONTRACT = {
    "format": 1,
    "name": "rivers",
    "features": [
        {"name": "depth_m", "field": "river.depth_m", "kind": "float", "minimum": 0, "maximum": 12, "background": 2},
        {"name": "flow", "field": "river.flow", "kind": "float", "minimum": 0, "maximum": 9, "background": 1},
        {
            "name": "colour",
            "field": "river.colour",
            "kind": "string",
            "vocabulary": ["brown", "green"],
            "background": "green",
        },
    ],
    "labels": [
        {"name": "calm", "family": "calm", "severity": 0},
        {"name": "flood", "family": "danger", "severity": 80},
    ],
    "families": ["calm", "danger"],
    "novelty_threshold": None,
}
MAKE = """
import keras, numpy as np
draw = np.random.default_rng(5)
rows = np.column_stack([draw.uniform(0, 12, 600), draw.uniform(0, 9, 600), draw.integers(1, 3, 600)]).astype("float32")
flood = (rows[:, 0] + rows[:, 1] > 11).astype("int32")
keras.utils.set_random_seed(5)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(2, "softmax")])
model.compile(keras.optimizers.Adam(0.03), "sparse_categorical_crossentropy")
model.fit(rows, flood, epochs=30, verbose=0)
model.save("mine.keras")
"""
"""What a student has: one input, words as codes, a softmax."""

LINES = [
    {"depth_m": 1.0, "flow": 1.0, "colour": "green"},
    {"river": {"depth_m": 11.5, "flow": 8.5, "colour": "brown"}},
    {"river.depth_m": 2.5, "river.flow": 0.5, "river.colour": "violet"},
    {"depth_m": "deep", "flow": 1.0, "colour": "green"},
]


@pytest.mark.timeout(120)
def test_a_students_model_predicts_on_documents_of_its_own(
    desk: Desk, es: Elasticsearch, namespace: str, tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-c", MAKE], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "contract.json").write_text(json.dumps(CONTRACT), encoding="utf-8")
    (tmp_path / "gauge.json").write_text("\n".join(map(json.dumps, LINES)), encoding="utf-8")
    model = tmp_path / "model.onnx"
    done = desk.type("convert", "--model", "mine.keras", "--contract", "contract.json", "--output", model)
    assert done.returncode == 0, done.stderr

    mine = Desk(desk.folder, {**desk.settings, "OVERSIGHT_MODEL": str(model)})
    assert mine.type("provision").returncode == 0
    assert mine.json("ship", "gauge.json")["stored"] == len(LINES)
    with enrich_service(model) as url:
        assert mine.type("watch", "--once", OVERSIGHT_ENRICH_URL=url).returncode == 0

    stream = stream_name(namespace)
    es.indices.refresh(index=stream)
    by_offset = sorted(
        (hit["_source"] for hit in scan(es, index=stream)), key=lambda document: document["log"]["offset"]
    )
    calm, flood, unseen, bad = by_offset
    assert (calm["oversight"]["prediction"]["label"], calm["event"]["kind"]) == ("calm", "event")
    assert (flood["oversight"]["prediction"]["label"], flood["event"]["kind"]) == ("flood", "alert")
    assert flood["event"]["severity"] == 80
    assert flood["rule"]["category"] == "danger"
    assert unseen["oversight"]["prediction"]["warnings"] == ["unseen_category:river.colour"]
    assert (bad["oversight"]["status"], bad["error"]["type"]) == ("failed", "not_a_number")
    assert bad["oversight"]["failure"]["field"] == "river.depth_m"
    found = es.search(index=stream, query={"range": {"river.depth_m": {"gte": 11}}})
    assert found["hits"]["total"]["value"] == 1
