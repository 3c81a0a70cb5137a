"""A user's Keras model from another domain works end to end with the same commands, without a change of code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan
from keras import layers

from contract.documents.fields import stream_name
from tests.acceptance.commands import Terminal
from tests.here import oversight_here
from tests.integration.converter.conftest import KERAS_ARRAY
from tests.servers import enrich_service

pytestmark = pytest.mark.filterwarnings(KERAS_ARRAY)
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
LINES = [
    {"depth_m": 1.0, "flow": 1.0, "colour": "green"},
    {"river": {"depth_m": 11.5, "flow": 8.5, "colour": "brown"}},
    {"river.depth_m": 2.5, "river.flow": 0.5, "river.colour": "violet"},
    {"depth_m": "deep", "flow": 1.0, "colour": "green"},
]


def save_model(path: Path) -> None:
    """Save a model as a student may have it: one input, words as codes, a softmax."""
    draw = np.random.default_rng(5)
    numbers, words = draw.uniform(0, (12, 9), (600, 2)), draw.integers(1, 3, 600)
    rows = np.column_stack([numbers, words]).astype("float32")
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(16, "relu"), layers.Dense(2, "softmax")])
    model.compile(keras.optimizers.Adam(0.03), "sparse_categorical_crossentropy")
    model.fit(rows, (numbers.sum(axis=1) > 11).astype("int32"), epochs=30, verbose=0)
    model.save(path)


@pytest.fixture(scope="module")
def rivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The artifact that `oversight convert` writes for this model, and the address of a service that runs it."""
    folder = tmp_path_factory.mktemp("rivers")
    save_model(folder / "mine.keras")
    (folder / "contract.json").write_text(json.dumps(CONTRACT), encoding="utf-8")
    model = folder / "model.onnx"
    words = ("--model", "mine.keras", "--contract", "contract.json", "--output", model)
    done = oversight_here("convert", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    with enrich_service(model) as url:
        yield model, url


def test_a_students_model_predicts_on_its_own_documents(
    terminal: Terminal, es: Elasticsearch, namespace: str, rivers: tuple[Path, str]
) -> None:
    model, url = rivers
    (terminal.folder / "gauge.json").write_text("\n".join(map(json.dumps, LINES)), encoding="utf-8")
    mine = Terminal(terminal.folder, {**terminal.settings, "OVERSIGHT_MODEL": str(model), "OVERSIGHT_ENRICH_URL": url})
    assert mine.type("provision").returncode == 0
    assert mine.json("ship", "gauge.json")["stored"] == len(LINES)
    assert mine.type("watch", "--once").returncode == 0

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
