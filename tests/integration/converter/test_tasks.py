"""Every kind of output of a Keras model, converted: ONNX Runtime predicts the same as Keras."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
from keras import layers
from numpy.typing import NDArray

from contract.artifact.contract import Feature, Label, ModelContract, ScoreOutput, ValueOutput
from contract.artifact.file import read_file
from contract.errors import ConversionError
from converter.convert import convert
from converter.proof.finish import Trial
from converter.proof.labelled_rows import LabelledRows
from converter.rows import Rows

FEATURES = tuple(Feature(name, f"pump.{name}", "float", minimum=-3.0, maximum=3.0) for name in ("a", "b", "c"))
TWO = (Label("normal", "normal", 0), Label("broken", "broken", 50))
PUMPS = ModelContract("pumps", FEATURES, TWO, ("normal", "broken"))
NUMBER = replace(PUMPS, task="regression", value=ValueOutput("bar", high=0.5))
SEVERAL = replace(PUMPS, several_labels=True, labels=(Label("hot", "broken", 50), Label("loud", "broken", 20), TWO[0]))
ROWS = np.random.default_rng(5).normal(size=(50, 3)).astype(np.float32)


def ending_in(*stack: Any, **heads: Any) -> keras.Model:
    """A model with a scaling layer, a hidden layer, and this output."""
    keras.utils.set_random_seed(7)
    inputs = keras.Input((3,), name="readings")
    scaled = layers.Rescaling(0.5, offset=0.1, name="scaled")(inputs)
    hidden = layers.Dense(4, activation="tanh")(scaled)
    if heads:
        return keras.Model(inputs, {name: layer(hidden) for name, layer in heads.items()})
    for layer in stack:
        hidden = layer(hidden)
    return keras.Model(inputs, hidden)


def outputs(path: Path) -> dict[str, NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"numeric": ROWS}), strict=True))


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def test_one_sigmoid_gives_two_labels(tmp_path: Path) -> None:
    model = ending_in(layers.Dense(1, activation="sigmoid"))
    made = convert(model, replace(PUMPS, labels=(TWO[0], replace(TWO[1], threshold=0.3))), tmp_path / "m.onnx")
    assert made.agreement.labels_that_differ == 0
    p = np.asarray(model(ROWS))
    np.testing.assert_allclose(outputs(made.path)["probabilities"], np.hstack([1 - p, p]), atol=1e-6)
    assert read_file(made.path).contract.labels[1].threshold == 0.3


def test_one_sigmoid_keeps_the_small_probability_where_the_large_one_rounds_to_1(tmp_path: Path) -> None:
    """Reasons are computed from the odds: with `1 - p` in float32 a certain alert would have none."""
    model = ending_in(layers.Dense(1, activation="sigmoid", bias_initializer=keras.initializers.Constant(40.0)))
    both = outputs(convert(model, PUMPS, tmp_path / "m.onnx").path)["probabilities"]
    logits = np.log(both[:, 1].astype(np.float64)) - np.log(both[:, 0].astype(np.float64))
    assert (both[:, 1] == 1).all()
    bare = keras.Model(model.input, model.layers[-1].input)
    kernel, bias = (np.asarray(weight) for weight in model.layers[-1].weights)
    np.testing.assert_allclose(logits, (np.asarray(bare(ROWS)) @ kernel + bias)[:, 0], rtol=1e-4)


@pytest.mark.parametrize("end", ["logit", "float32"], ids=["a logit", "a logit behind a layer that casts"])
def test_one_logit_gets_its_sigmoid(end: str, tmp_path: Path) -> None:
    stack = [layers.Dense(1)] + ([layers.Activation("linear", dtype="float32")] if end == "float32" else [])
    model = ending_in(*stack)
    made = convert(model, PUMPS, tmp_path / "m.onnx")
    np.testing.assert_allclose(outputs(made.path)["probabilities"][:, 1:], sigmoid(np.asarray(model(ROWS))), atol=1e-6)


def test_logits_get_their_softmax(tmp_path: Path) -> None:
    """Also the logits of a model inside another one."""
    keras.utils.set_random_seed(8)
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    outer = keras.Model(inputs := keras.Input((3,)), inner(inputs))
    made = convert(outer, PUMPS, tmp_path / "m.onnx")
    expected = np.asarray(keras.ops.softmax(outer(ROWS)))
    np.testing.assert_allclose(outputs(made.path)["probabilities"], expected, atol=1e-6)


def test_a_softmax_before_a_layer_that_casts_is_not_applied_twice(tmp_path: Path) -> None:
    """As in Keras's guide to mixed precision."""
    model = ending_in(layers.Dense(2, activation="softmax"), layers.Activation("linear", dtype="float32"))
    made = convert(model, PUMPS, tmp_path / "m.onnx")
    np.testing.assert_allclose(outputs(made.path)["probabilities"], np.asarray(model(ROWS)), atol=1e-6)


def test_a_reconstruction_of_scaled_numbers_is_not_compared_with_raw_ones(tmp_path: Path) -> None:
    """Otherwise its score would be noise, and nothing would show it."""
    rebuilds = ending_in()
    model = keras.Model(rebuilds.input, layers.Identity()(rebuilds.get_layer("scaled").output))
    raw = replace(PUMPS, task="anomaly", score=ScoreOutput(0.3, measure="mse"))
    trial = Trial(LabelledRows(Rows(ROWS, np.empty((len(ROWS), 0), object)), None, range(1, len(ROWS) + 1), 0, ""))
    with pytest.raises(
        ConversionError, match=r"rebuilds the output of its layer 'scaled' .* with --compared-with scaled"
    ):
        convert(model, raw, tmp_path / "m.onnx", trial=trial)
    scaled = replace(raw, score=ScoreOutput(0.3, measure="mse", compared_with="scaled"))
    assert outputs(convert(model, scaled, tmp_path / "m.onnx", trial=trial).path)["score"].max() < 1e-6
    assert convert(model, raw, tmp_path / "m.onnx", trial=replace(trial, force=True)).version


@pytest.mark.parametrize("end", [layers.Dense(2, activation="sigmoid"), layers.Dense(2)], ids=["sigmoids", "logits"])
def test_several_labels_get_a_last_one_that_holds_where_no_other_does(end: Any, tmp_path: Path) -> None:
    model = ending_in(end)
    made = convert(model, SEVERAL, tmp_path / "m.onnx")
    expected = np.asarray(model(ROWS))
    expected = expected if end.activation.__name__ == "sigmoid" else sigmoid(expected)
    found = outputs(made.path)["probabilities"]
    np.testing.assert_allclose(found[:, :2], expected, atol=1e-6)
    np.testing.assert_allclose(found[:, 2], 1 - expected.max(axis=1), atol=1e-6)


def test_a_regression_gives_its_value(tmp_path: Path) -> None:
    """In the model's own unit, however large."""
    model = ending_in(layers.Dense(1), layers.Rescaling(40_000.0))
    made = convert(model, NUMBER, tmp_path / "m.onnx")
    assert made.agreement.labels_that_differ is None
    assert made.agreement.largest_number_difference is not None
    np.testing.assert_allclose(outputs(made.path)["value"], np.asarray(model(ROWS))[:, 0], rtol=1e-5, atol=0.1)
    assert read_file(made.path).contract == replace(NUMBER, libraries=read_file(made.path).contract.libraries)


@pytest.mark.parametrize(("measure", "layer"), [("mse", "scaled"), ("mae", "scaled"), ("mse", "raw")])
def test_an_autoencoder_gives_its_error_and_its_deviations(measure: Any, layer: str, tmp_path: Path) -> None:
    """Compared with the layer that it was trained to rebuild: most models see scaled numbers."""
    model = ending_in(layers.Dense(3))
    contract = replace(PUMPS, task="anomaly", score=ScoreOutput(0.3, measure=measure, compared_with=layer))
    made = convert(model, contract, tmp_path / "m.onnx")
    seen = ROWS * 0.5 + 0.1 if layer == "scaled" else ROWS
    off = np.abs(np.asarray(model(ROWS)) - seen)
    found = outputs(made.path)
    np.testing.assert_allclose(found["deviations"], off, atol=1e-5)
    expected = (off**2 if measure == "mse" else off).mean(axis=1)
    np.testing.assert_allclose(found["score"], expected, rtol=1e-4, atol=1e-6)


def test_a_score_of_the_model_s_own_is_kept_unchanged(tmp_path: Path) -> None:
    model = ending_in(layers.Dense(1))
    contract = replace(PUMPS, task="anomaly", score=ScoreOutput(-0.1, alerts="below"))
    made = convert(model, contract, tmp_path / "m.onnx")
    found = outputs(made.path)
    assert set(found) == {"score"}
    np.testing.assert_allclose(found["score"], np.asarray(model(ROWS))[:, 0], atol=1e-6)


def test_a_head_of_several_is_chosen_by_name(tmp_path: Path) -> None:
    model = ending_in(fault=layers.Dense(2, activation="softmax"), wear=layers.Dense(1))
    made = convert(model, PUMPS, tmp_path / "fault.onnx", head="fault")
    np.testing.assert_allclose(outputs(made.path)["probabilities"], np.asarray(model(ROWS)["fault"]), atol=1e-6)
    made = convert(model, NUMBER, tmp_path / "wear.onnx", head="wear")
    np.testing.assert_allclose(outputs(made.path)["value"], np.asarray(model(ROWS)["wear"])[:, 0], atol=1e-6)


REFUSED: dict[str, tuple[Any, ModelContract, str | None, str]] = {
    "heads": (
        {"fault": layers.Dense(2), "wear": layers.Dense(1)},
        NUMBER,
        None,
        r"2 outputs \(fault, wear\); choose one with --head NAME",
    ),
    "no such head": (
        {"fault": layers.Dense(2), "wear": layers.Dense(1)},
        NUMBER,
        "age",
        "no output 'age'; choose one of fault, wear",
    ),
    "no value": (
        [layers.Dense(2)],
        NUMBER,
        None,
        r"shape \(n, 2\), and a value is one number a row; end the model with Dense\(1\)",
    ),
    "no score": (
        [layers.Dense(3)],
        replace(PUMPS, task="anomaly", score=ScoreOutput(0.3)),
        None,
        'write "measure": "mse"',
    ),
    "no layer": (
        [layers.Dense(3)],
        replace(PUMPS, task="anomaly", score=ScoreOutput(0.3, measure="mse", compared_with="scale")),
        None,
        "`score.compared_with` is 'scale', and the model has no such layer; write `raw` or one of readings, scaled",
    ),
    "another width": (
        [layers.Dense(2)],
        replace(PUMPS, task="anomaly", score=ScoreOutput(0.3, measure="mse")),
        None,
        r"reconstruction has the shape \(n, 2\), and is compared with 'raw' of the shape \(n, 3\)",
    ),
    "several": ([layers.Dense(5, activation="sigmoid")], SEVERAL, None, r"expected \(n, 2\), or \(n, 3\) where"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_output_that_does_not_fit_the_task_is_refused(case: str, tmp_path: Path) -> None:
    end, contract, head, says = REFUSED[case]
    model = ending_in(**end) if isinstance(end, dict) else ending_in(*end)
    with pytest.raises(ConversionError, match=says) as refused:
        convert(model, contract, tmp_path / "m.onnx", head=head)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []
