"""A scaler and an encoder of scikit-learn in front of a Keras model, merged into one graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from keras import layers

from contract.errors import ConversionError, InputError
from converter.inputs.preprocess import read_preprocess
from tests.integration.converter.serving import by_keras, contract, converted, number, served, words

skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx exports scikit-learn: pip install skl2onnx")
from skl2onnx.common import data_types  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402

TARGET = {"": 18, "ai.onnx.ml": 3}
NUMBERS = np.array([[1.5, -2.0], [0.25, 4.0], [-1.0, 0.5], [3.0, 1.0]], np.float32)
COLOURS = np.array([["red"], ["green"], ["red"], ["green"]], object)


def model(width: int) -> keras.Model:
    keras.utils.set_random_seed(9)
    return keras.Sequential([keras.Input((width,)), layers.Dense(4, "relu"), layers.Dense(2, "softmax")])


def saved(transformer: Any, path: Path, types: Any, target: Any = TARGET) -> Path:
    path.write_bytes(skl2onnx.to_onnx(transformer, initial_types=types, target_opset=target).SerializeToString())
    return path


@pytest.mark.parametrize("opset", [13, 18, 21])
@pytest.mark.parametrize("kind", [data_types.FloatTensorType, data_types.DoubleTensorType, data_types.Int64TensorType])
def test_a_scaler_of_one_matrix(opset: int, kind: Any, tmp_path: Path) -> None:
    """Exported for older and newer operators, and for other number types."""
    scaler = StandardScaler().fit(NUMBERS)
    pre = saved(scaler, tmp_path / "pre.onnx", [("rows", kind([None, 2]))], {"": opset, "ai.onnx.ml": 3})
    keras_model = model(2)
    features = contract(number("depth_m"), number("flow"))
    path = converted(keras_model, features, tmp_path, preprocess=read_preprocess(pre))
    given = NUMBERS.astype(np.int64) if kind is data_types.Int64TensorType else NUMBERS
    expected = by_keras(keras_model, scaler.transform(given).astype(np.float32))
    assert np.allclose(served(path, NUMBERS.tolist()), expected, atol=1e-6)


def test_an_encoder_of_words_beside_a_scaler_by_the_names_of_the_columns(tmp_path: Path) -> None:
    """An unknown word is encoded as the encoder was configured."""
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), [0, 1]),
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [2]),
        ]
    ).fit(np.hstack([NUMBERS.astype(object), COLOURS]))
    types = [
        ("depth_m", data_types.FloatTensorType([None, 1])),
        ("flow", data_types.FloatTensorType([None, 1])),
        ("colour", data_types.StringTensorType([None, 1])),
    ]
    pre = saved(columns, tmp_path / "pre.onnx", types)
    keras_model = model(4)
    features = contract(words("colour", "green", "red"), number("flow"), number("depth_m"))
    path = converted(keras_model, features, tmp_path, preprocess=read_preprocess(pre))
    text = [["red"], ["green"], ["violet"], ["green"]]
    ready = columns.transform(np.hstack([NUMBERS.astype(object), np.array(text, object)])).astype(np.float32)
    found = served(path, NUMBERS[:, ::-1].tolist(), text)
    assert np.allclose(found, by_keras(keras_model, ready), atol=1e-6)


def test_a_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Another width, a classifier, newer operators, no ONNX, no file."""
    scaler = StandardScaler().fit(NUMBERS)
    pre = saved(scaler, tmp_path / "pre.onnx", [("rows", data_types.FloatTensorType([None, 2]))])
    with pytest.raises(ConversionError, match=r"output 'variable' \(n, 2\) does not fit the model's input .* \(n, 3\)"):
        converted(model(3), contract(number("depth_m"), number("flow")), tmp_path, preprocess=read_preprocess(pre))
    (tmp_path / "text.onnx").write_text("no model", encoding="utf-8")
    with pytest.raises(ConversionError, match=r"is not an ONNX model.*skl2onnx"):
        read_preprocess(tmp_path / "text.onnx")
    with pytest.raises(InputError, match="--preprocess"):
        read_preprocess(tmp_path / "none.onnx")
    newer = onnx.load(pre)
    newer.opset_import.append(onnx.helper.make_opsetid("ai.onnx.ml", 5))
    onnx.save(newer, tmp_path / "newer.onnx")
    with pytest.raises(ConversionError, match=r"newer operators.*target_opset"):
        read_preprocess(tmp_path / "newer.onnx")
    strict = OneHotEncoder(sparse_output=False).fit(COLOURS)
    pre = saved(strict, tmp_path / "strict.onnx", [("colour", data_types.StringTensorType([None, 1]))])
    with pytest.raises(ConversionError, match=r"fails on these rows .*handle_unknown='ignore'"):
        converted(model(2), contract(words("colour", "green", "red")), tmp_path, preprocess=read_preprocess(pre))
    whole = LogisticRegression().fit(NUMBERS, [0, 1, 0, 1])
    pre = saved(whole, tmp_path / "whole.onnx", [("rows", data_types.FloatTensorType([None, 2]))])
    with pytest.raises(ConversionError, match=r"is no tensor; export the transformer alone"):
        read_preprocess(pre)
