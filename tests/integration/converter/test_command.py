"""`oversight convert` with the options about inputs, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers

from contract.errors import InputError
from oversight.commands.convert import command
from tests.integration.converter.serving import TOLERANCE, by_keras, contract, number, served, words


def test_inputs_and_codes_that_only_the_author_knows_are_options(tmp_path: Path) -> None:
    """Two inputs of the same width and type, and words with codes from 0."""
    keras.utils.set_random_seed(2)
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    model = keras.Model([left, right], layers.Dense(2, activation="softmax")(layers.Concatenate()([left, right])))
    model.save(tmp_path / "mine.keras")
    features = number("depth_m"), words("colour", "green", "red"), number("flow"), words("bank", "left", "right")
    (tmp_path / "contract.json").write_text(contract(*features).to_json(), encoding="utf-8")
    typed = ["--model", str(tmp_path / "mine.keras"), "--output", str(tmp_path / "model.onnx"), "--codes-from", "0"]
    choice = ["--input", "left=colour,bank", "--input", "right=flow, depth_m", "--json"]
    done = CliRunner().invoke(command, [*typed, *choice])
    assert done.exit_code == 0, done.exception
    assert json.loads(done.output)["agreement"]["labels_that_differ"] == 0
    given = [np.array([[1, 0], [0, 1]], np.float32), np.array([[4.0, 1.5], [0.5, -1.0]], np.float32)]
    found = served(tmp_path / "model.onnx", [[1.5, 4.0], [-1.0, 0.5]], [["red", "left"], ["unseen", "right"]])
    assert np.allclose(found, by_keras(model, given), atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--input", "left"], "--input left: expected NAME=FEATURE,FEATURE"),
        (["--input", "left=a,,b"], "--input left=a,,b: expected"),
        (["--input", "left=a", "--input", "left=b"], "the input 'left' occurs twice"),
        (["--preprocess", "none.onnx"], "cannot read none.onnx .*--preprocess"),
        (["--import", "no_such_module"], "--import no_such_module failed"),
    ],
)
def test_an_option_that_cannot_be_read_is_refused(typed: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "contract.json").write_text(contract(number("depth_m")).to_json(), encoding="utf-8")
    keras.Sequential([keras.Input((1,)), layers.Dense(2, "softmax")]).save(tmp_path / "mine.keras")
    done = CliRunner().invoke(command, ["--model", str(tmp_path / "mine.keras"), "--output", "never.onnx", *typed])
    assert isinstance(done.exception, InputError)
    assert "\n" not in str(done.exception)
    with pytest.raises(InputError, match=said):
        raise done.exception
