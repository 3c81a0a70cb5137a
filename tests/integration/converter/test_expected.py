"""The outputs of the user's own program show that a model has another order or scale than the contract, and how it
differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from common.tables.batch import Batch
from contract.artifact.contract import Feature, Label, ModelContract, ValueOutput
from contract.artifact.file import read_file
from contract.errors import ConversionError, InputError
from converter.adopt.adopt import adopt
from converter.proof.expected import read_expected
from converter.proof.finish import Trial
from converter.proof.labelled_rows import LabelledRows, labelled_rows

RNG = np.random.default_rng(2)
N = 120
COLOURS = ("green", "red", "blue")
FEATURES = (
    Feature("speed", "car.speed", "float", minimum=0.0, maximum=200.0),
    Feature("colour", "car.colour", "string", COLOURS),
    Feature("age", "car.age", "float", minimum=0.0, maximum=30.0),
    Feature("doors", "car.doors", "float", minimum=2.0, maximum=5.0),
)
LABELS = (Label("keep", "fine", 0), Label("sell", "bad", 50), Label("scrap", "bad", 50))
CARS = ModelContract("cars", FEATURES, LABELS, ("fine", "bad"))
COLUMNS: dict[str, list[Any]] = {
    "speed": RNG.uniform(0, 200, N).round(1).tolist(),
    "colour": ["red", *RNG.choice(["red", "red", "blue", "green"], N - 1).tolist()],
    "age": RNG.uniform(0, 30, N).round(1).tolist(),
    "doors": RNG.integers(2, 6, N).astype(float).tolist(),
}
ROWS = labelled_rows([Batch(1, N, COLUMNS)], CARS)


def model(path: Path, *, outputs: int = 3) -> onnx.ModelProto:
    """One matrix of four columns, a linear layer and logits; the features weigh about the same."""
    scale = np.array([[0.01], [1.0], [0.1], [0.5]])
    weights = (RNG.normal(size=(4, outputs)) * scale).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["input", "w"], ["output"])],
        "cars",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", outputs])],
        [numpy_helper.from_array(weights, "w")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(proto, path)
    return proto


def program(path: Path, columns: list[str], words: tuple[str, ...], *, scaled: bool = False) -> NDArray[np.float64]:
    """The outputs of the user's own program, with its columns and words in its own order."""
    codes = [words.index(word) for word in COLUMNS["colour"]]
    parts = [codes if name == "colour" else COLUMNS[name] for name in columns]
    matrix = np.array(parts, np.float32).T
    if scaled:
        matrix = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
    raw = onnxruntime.InferenceSession(path).run(None, {"input": matrix.astype(np.float32)})[0]
    if raw.shape[1] == 1:
        return np.asarray(raw, np.float64)
    raw -= raw.max(axis=1, keepdims=True)
    return np.asarray(np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True), np.float64)


def trial(answers: NDArray[np.float64], names: list[str] | None = None, contract: ModelContract = CARS) -> Trial:
    return Trial(ROWS, expected=read_expected(batches(answers, names), contract, ROWS))


def batches(answers: NDArray[np.float64], names: list[str] | None = None) -> Iterator[Batch]:
    names = names or [f"p{place}" for place in range(answers.shape[1])]
    yield Batch(1, len(answers), dict(zip(names, answers.T.tolist(), strict=True)))


ORDER = [feature.name for feature in FEATURES]


def test_equal_outputs_are_the_proof(tmp_path: Path) -> None:
    """In any order of the named columns."""
    model(tmp_path / "m.onnx")
    answers = program(tmp_path / "m.onnx", ORDER, COLOURS)[:, ::-1]
    made = adopt(tmp_path / "m.onnx", CARS, tmp_path / "o.onnx", trial(answers, ["scrap", "sell", "keep"]))
    assert (made.contract.proof, made.contract.proved) == ("outputs", {"rows": N})
    assert read_file(made.path).contract.proof == "outputs"


@pytest.mark.parametrize(
    ("columns", "words", "says"),
    [
        (ORDER, ("blue", "green", "red"), "it equals with the words of each vocabulary sorted: write them so"),
        (ORDER, ("red", "blue", "green"), "it equals with the words of each vocabulary by f"),
        (["age", "colour", "doors", "speed"], COLOURS, "it equals with the features in the alphabet's order"),
        (["speed", "age", "doors", "colour"], COLOURS, "it equals with the float features first"),
        (["colour", "speed", "age", "doors"], COLOURS, "it equals with the string features first"),
        (
            ["colour", "speed", "age", "doors"],
            ("blue", "green", "red"),
            "it equals with the string features first and the words of each vocabulary sorted",
        ),
        (
            ["age", "colour", "speed", "doors"],
            COLOURS,
            "it equals with age in the place of speed, speed in the place of age",
        ),
    ],
)
def test_another_order_is_named(columns: list[str], words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    model(tmp_path / "m.onnx")
    answers = program(tmp_path / "m.onnx", columns, words)
    with pytest.raises(ConversionError, match="the outputs differ from the expected ones by up to") as refused:
        adopt(tmp_path / "m.onnx", CARS, tmp_path / "o.onnx", trial(answers, [label.name for label in LABELS]))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "o.onnx").exists()


def test_labels_in_another_order_are_named(tmp_path: Path) -> None:
    """If the columns have no names, or the contract's names."""
    model(tmp_path / "m.onnx")
    answers = program(tmp_path / "m.onnx", ORDER, COLOURS)
    shifted = answers[:, [1, 2, 0]]
    for names in (None, [label.name for label in LABELS]):
        with pytest.raises(ConversionError, match="it equals with the labels in the order scrap, keep, sell: write"):
            adopt(tmp_path / "m.onnx", CARS, tmp_path / "o.onnx", trial(shifted, names))
    right = replace(CARS, labels=(LABELS[2], LABELS[0], LABELS[1]))
    named = trial(shifted, ["keep", "sell", "scrap"], right)
    assert adopt(tmp_path / "m.onnx", right, tmp_path / "o.onnx", named).contract.proof == "outputs"


def test_inputs_that_the_program_scales_itself_are_named(tmp_path: Path) -> None:
    model(tmp_path / "m.onnx")
    answers = program(tmp_path / "m.onnx", ORDER, COLOURS, scaled=True)
    numbers = replace(CARS, features=tuple(replace(f, kind="float", vocabulary=()) for f in FEATURES))
    columns = {**COLUMNS, "colour": [COLOURS.index(word) for word in COLUMNS["colour"]]}
    rows = labelled_rows([Batch(1, N, columns)], numbers)
    expected = read_expected(batches(answers), numbers, rows)
    with pytest.raises(ConversionError, match="its inputs seem to be standardised: minus the mean"):
        adopt(tmp_path / "m.onnx", numbers, tmp_path / "o.onnx", Trial(rows, expected=expected))


def test_a_regression_is_compared_by_its_spread(tmp_path: Path) -> None:
    model(tmp_path / "m.onnx", outputs=1)
    contract = replace(CARS, task="regression", labels=LABELS[:2], value=ValueOutput("km"))
    answers = program(tmp_path / "m.onnx", ORDER, COLOURS)
    rounded = answers.round(5)
    assert (
        adopt(tmp_path / "m.onnx", contract, tmp_path / "o.onnx", trial(rounded, None, contract)).contract.proof
        == "outputs"
    )
    with pytest.raises(ConversionError, match=r"no other order .* compare the rows' columns"):
        adopt(tmp_path / "m.onnx", contract, tmp_path / "o.onnx", trial(answers**2 + 1, None, contract))


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (np.ones((N - 1, 3)), "there are 119 expected outputs, and row 120 has none"),
        (np.ones((N, 2)), "the expected outputs have 2 columns, and the contract has 3 labels"),
    ],
)
def test_outputs_that_do_not_match_the_rows_are_refused(answers: NDArray[np.float64], says: str) -> None:
    with pytest.raises(InputError) as refused:
        trial(answers)
    assert says in str(refused.value)


def test_rows_that_cannot_be_read_leave_the_others_in_place(tmp_path: Path) -> None:
    model(tmp_path / "m.onnx")
    answers = program(tmp_path / "m.onnx", ORDER, COLOURS)
    columns = {**COLUMNS, "speed": ["fast", *COLUMNS["speed"][1:]]}
    rows: LabelledRows = labelled_rows([Batch(1, N, columns)], CARS)
    made = adopt(
        tmp_path / "m.onnx",
        CARS,
        tmp_path / "o.onnx",
        Trial(rows, expected=read_expected(batches(answers), CARS, rows)),
    )
    assert made.contract.proved == {"rows": N - 1}
