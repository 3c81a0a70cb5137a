"""`oversight try`: from a model and a labelled file to an evaluated artifact and scored rows."""

from __future__ import annotations

import csv
import uuid
from pathlib import Path

import numpy as np
import onnx
import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk
from onnx import TensorProto, helper, numpy_helper

from contract.artifact.contract import ModelContract
from contract.artifact.file import read_file
from tests.here import json_here, oversight_here
from tests.waiting import WAIT_S

N = 300
NAMES = ["depth", "flow", "level"]
LABELS = ["calm", "drought", "flood"]
"""In alphabetical order, as `contract init` writes them."""
MODELS_ORDER = [2, 0, 1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows whose largest number names the label, and two models that learned it: an ONNX and a Keras model.

    Their outputs are not in alphabetical order.
    """
    made = tmp_path_factory.mktemp("try")
    rng = np.random.default_rng(4)
    numbers = rng.normal(size=(N, 3)).astype(np.float32)
    truth = [LABELS[place] for place in numbers.argmax(axis=1)]
    with (made / "rivers.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*NAMES, "place", "class"])
        rows.writerows([*row, "here", label] for row, label in zip(numbers.tolist(), truth, strict=True))
    weights = np.eye(3, dtype=np.float32)[:, MODELS_ORDER] * 6
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["logits"]), helper.make_node("Softmax", ["logits"], ["p"], axis=1)],
        "rivers",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, [None, 3])],
        [numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), made / "mine.onnx")
    blind = helper.make_graph(
        graph.node, "blind", graph.input, graph.output, [numpy_helper.from_array(weights * 0, "w")]
    )
    onnx.save(helper.make_model(blind, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), made / "blind.onnx")
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, "softmax", use_bias=False)])
    model.layers[0].set_weights([weights])
    model.save(made / "mine.keras")
    return made


@pytest.mark.parametrize("model", ["mine.onnx", "mine.keras"])
def test_a_model_and_a_labelled_file_become_a_measured_artifact(folder: Path, model: str) -> None:
    """The truth shows the order of the model's labels."""
    words = ("--model", model, "--data", "rivers.csv", "--label", "class", "--harmless", "calm")
    facts = json_here("try", *words, cwd=folder)
    assert (facts["output"], facts["task"], facts["features"]) == ("build/rivers/model.onnx", "classification", NAMES)
    assert facts["left_out"] == {"place": "it is always 'here'"}
    assert (facts["labels"], facts["labels_reordered"]) == ([LABELS[place] for place in MODELS_ORDER], True)
    assert (facts["proof"], facts["proved"]["accuracy"]) == ("labels", 1.0)
    with (folder / "rivers.csv").open() as file:
        truth = [row["class"] for row in csv.DictReader(file)][:5]
    assert [row["label"] for row in facts["preview"]] == truth
    contract = read_file(folder / facts["output"]).contract
    assert [label.name for label in contract.labels if label.severity == 0] == ["calm"]
    assert (folder / facts["contract"]).is_file()


def test_the_text_output_shows_the_result(folder: Path) -> None:
    words = ("--data", "rivers.csv", "--label", "class", "--harmless", "calm", "--name", "read")
    done = oversight_here("try", "--model", "mine.onnx", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "labels     flood, calm, drought, in the order that fits the truth" in done.stdout
    assert "proof      labels, accuracy 1 (guessing" in done.stdout
    assert "oversight predict --model build/read/model.onnx --data FILE" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--model", "blind.onnx"), 1, "the model knows no more than guessing"),
        (("--model", "none.onnx"), 1, "cannot read none.onnx"),
        (("--model", "mine.onnx", "--leave-out", "flow"), 1, "has the shape (n, 3), the contract has 2 features"),
        (("--model", "mine.onnx", "--leave-out", "width"), 1, "--leave-out width: there is no such column"),
    ],
)
def test_an_error_is_one_line(folder: Path, words: tuple[str, ...], code: int, says: str) -> None:
    """No file is written."""
    given = ("--data", "rivers.csv", "--label", "class", "--harmless", "calm", "--name", "wrong")
    done = oversight_here("try", *words, *given, cwd=folder)
    assert (done.returncode, says in done.stderr, done.stderr.count("\n")) == (code, True, 1), done.stderr
    assert not (folder / "build" / "wrong").exists()


def test_a_model_no_better_than_guessing_is_written_if_forced(folder: Path) -> None:
    given = ("--data", "rivers.csv", "--label", "class", "--harmless", "calm", "--name", "blind", "--force")
    assert oversight_here("try", "--model", "blind.onnx", *given, cwd=folder).returncode == 0
    assert (folder / "build" / "blind" / "model.onnx").is_file()


@pytest.mark.parametrize(("model", "given", "answered"), [("mine.onnx", "'x'", "'p'"), ("mine.keras", "", "softmax")])
def test_the_contract_gets_the_model_s_order_of_labels(folder: Path, model: str, given: str, answered: str) -> None:
    """`contract init --model` shows inputs and outputs, and uses the order that fits the truth."""
    words = ("--data", "rivers.csv", "--label", "class", "--harmless", "calm", "--model", model, "--output", "c.json")
    facts = json_here("contract", "init", *words, cwd=folder)
    assert facts["labels"] == [LABELS[place] for place in MODELS_ORDER]
    taken, out, order = facts["model"]
    assert given in taken
    assert "(n, 3), float32" in taken
    assert answered in out
    assert order == "the truth puts the labels in another order than the data's: accuracy 1.0"
    contract = ModelContract.from_json((folder / "c.json").read_text())
    assert [label.name for label in contract.labels] == facts["labels"]


def test_a_contract_is_written_if_the_model_does_not_fit_it(folder: Path) -> None:
    """The note says why, and the user corrects the contract."""
    words = ("--data", "rivers.csv", "--label", "class", "--harmless", "calm", "--leave-out", "flow")
    model = ("--model", "mine.onnx", "--output", "two.json")
    done = oversight_here("contract", "init", *words, *model, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "the order of the labels was not tried: the model's input 'x' has the shape (n, 3)" in done.stdout
    assert (folder / "two.json").is_file()


def test_the_rows_for_the_model_may_be_documents_of_an_index(
    folder: Path, embedded_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of the labels is found as with a file."""
    lines = (folder / "rivers.csv").read_text(encoding="utf-8").splitlines()
    names, *rows = [line.split(",") for line in lines]
    index = f"rivers-{uuid.uuid4().hex[:8]}"
    with Elasticsearch(embedded_url, request_timeout=WAIT_S) as es:
        bulk(es, [{"_index": index, "_source": dict(zip(names, row, strict=True))} for row in rows[:400]], refresh=True)
        words = ("--index", index, "--label", "class", "--harmless", "calm")
        model = ("--model", "mine.onnx", "--output", "index.json")
        monkeypatch.setenv("ELASTICSEARCH_URL", embedded_url)
        facts = json_here("contract", "init", *words, *model, cwd=folder)
        es.indices.delete(index=index)
    assert facts["labels"] == [LABELS[place] for place in MODELS_ORDER]
    assert facts["model"][-1].startswith("the truth puts the labels in another order than the data's: accuracy 1.0")


@pytest.mark.parametrize("command", [("adopt", "mine.onnx"), ("convert", "--model", "mine.keras")])
def test_a_wrong_order_of_labels_is_never_written(folder: Path, command: tuple[str, ...], tmp_path: Path) -> None:
    """The message names the right order; with it, the artifact has its evaluation."""
    output = tmp_path / "model.onnx"
    init = ("contract", "init", "--data", "rivers.csv", "--label", "class", "--harmless", "calm", "--output")
    assert oversight_here(*init, tmp_path / "wrong.json", cwd=folder).returncode == 0
    trial = ("--rows", "rivers.csv", "--label", "class", "--expect-accuracy", "0.9", "--output", output)
    done = oversight_here(*command, "--contract", tmp_path / "wrong.json", *trial, cwd=folder)
    assert (done.returncode, output.exists()) == (1, False)
    assert "with the labels in the order flood, calm, drought the accuracy is 1.0: write them so" in done.stderr
    right = (tmp_path / "right.json", "--labels", "flood,calm,drought")
    assert oversight_here(*init, *right, cwd=folder).returncode == 0
    facts = json_here(*command, "--contract", tmp_path / "right.json", *trial, cwd=folder)
    assert (facts["proof"], facts["proved"]["accuracy"]) == ("labels", 1.0)
    assert read_file(output).contract.proof == "labels"
