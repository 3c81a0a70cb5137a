"""Inputs as users build them: named, in dictionaries, in several matrices, of text, with codes or windows.

Each model predicts in the enrich service as in Keras; the test writes the inputs of Keras by hand.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from contract.errors import ConversionError
from converter.inputs.wiring import Choices
from tests.integration.converter.serving import TOLERANCE, by_keras, contract, converted, number, served, words

DEPTH, FLOW = number("depth_m"), number("flow")
FLAGGED = dataclasses.replace(FLOW, missing="flag", missing_value=0.5)
COLOUR, PORT = words("colour", "green", "red"), words("port", "22", "80", "443")
NUMBERS = [[1.5, -2.0], [0.25, 4.0], [-1.0, 0.0]]
TEXT = [["red", "443"], ["green", "22"], ["violet", "8080"]]


def column(values: list[list[Any]], place: int, dtype: Any = np.float32) -> np.ndarray:
    return np.array([[row[place]] for row in values], dtype)


def ending(tensors: list[Any], n_labels: int = 2) -> Any:
    tensor = layers.Concatenate()(tensors) if len(tensors) > 1 else tensors[0]
    return layers.Dense(n_labels, activation="softmax")(layers.Dense(5, activation="relu")(tensor))


@pytest.fixture(autouse=True)
def seeded() -> None:
    keras.utils.set_random_seed(7)


def test_an_input_for_each_feature_by_name_in_another_order_than_the_contracts(tmp_path: Path) -> None:
    """Shapes (n, 1) and (n,), text for a StringLookup, integers for an IntegerLookup."""
    flow, depth = keras.Input((), name="flow"), keras.Input((1,), name="depth_m")
    colour = keras.Input((1,), name="colour", dtype="string")
    port = keras.Input((1,), name="port", dtype="int64")
    looked_up = layers.StringLookup(vocabulary=["red", "green"], output_mode="one_hot")(colour)
    embedded = layers.Flatten()(layers.Embedding(4, 3)(layers.IntegerLookup(vocabulary=[443, 22, 80])(port)))
    scaled = layers.Normalization(mean=[1.0], variance=[4.0])(depth)
    rescaled = layers.Rescaling(0.5, offset=1.0)(layers.Reshape((1,))(flow))
    model = keras.Model([port, flow, colour, depth], ending([looked_up, embedded, scaled, rescaled]))
    path = converted(model, contract(DEPTH, FLOW, COLOUR, PORT), tmp_path)
    given = [
        np.array([[443], [22], [8080]], np.int64),
        column(NUMBERS, 1).ravel(),
        column(TEXT, 0, object),
        column(NUMBERS, 0),
    ]
    assert np.allclose(served(path, NUMBERS, TEXT), by_keras(model, given), atol=TOLERANCE, rtol=0)


def test_a_dictionary_of_inputs(tmp_path: Path) -> None:
    """Keras sorts the keys."""
    inputs = {name: keras.Input((1,), name=name) for name in ("flow", "depth_m")}
    model = keras.Model(inputs, ending([inputs["flow"] * 2.0, inputs["depth_m"]]))
    path = converted(model, contract(DEPTH, FLOW), tmp_path)
    given = {"flow": column(NUMBERS, 1), "depth_m": column(NUMBERS, 0)}
    assert np.allclose(served(path, NUMBERS), by_keras(model, given), atol=TOLERANCE, rtol=0)


def test_a_matrix_of_numbers_beside_an_input_for_each_word(tmp_path: Path) -> None:
    """The embedding has codes from 1; the matrix gets the features without their own input, in the contract's order."""
    colour, matrix = keras.Input((1,), name="colour"), keras.Input((2,), name="measured")
    model = keras.Model([colour, matrix], ending([layers.Flatten()(layers.Embedding(3, 2)(colour)), matrix]))
    path = converted(model, contract(DEPTH, COLOUR, FLOW), tmp_path)
    given = [np.array([[2], [1], [0]], np.float32), np.array(NUMBERS, np.float32)]
    text = [row[:1] for row in TEXT]
    assert np.allclose(served(path, NUMBERS, text), by_keras(model, given), atol=TOLERANCE, rtol=0)


def test_two_matrices_are_told_apart_by_width_or_type_and_else_the_author_is_asked(tmp_path: Path) -> None:
    """The options in the message work once they are filled in."""

    def model(width: int) -> keras.Model:
        left, right = keras.Input((width,), name="left"), keras.Input((2,), name="right")
        return keras.Model([left, right], ending([left, right * 3.0]))

    wide = contract(DEPTH, FLOW, number("acidity"), COLOUR, PORT)
    numbers, codes = [[*row, 0.5] for row in NUMBERS], np.array([[2, 3], [1, 1], [0, 0]], np.float32)
    path = converted(by_width := model(3), wide, tmp_path)
    expected = by_keras(by_width, [np.array(numbers, np.float32), codes])
    assert np.allclose(served(path, numbers, TEXT), expected, atol=TOLERANCE, rtol=0)

    narrow, unclear = contract(DEPTH, FLOW, COLOUR, PORT), model(2)
    with pytest.raises(ConversionError, match=r"which features .* --input left=depth_m,flow --input right=colour,port"):
        converted(unclear, narrow, tmp_path)
    choices = Choices(inputs={"left": ("port", "colour"), "right": ("flow", "depth_m")})
    path = converted(unclear, narrow, tmp_path, choices=choices)
    given = [codes[:, ::-1].copy(), np.array(NUMBERS, np.float32)[:, ::-1].copy()]
    assert np.allclose(served(path, NUMBERS, TEXT), by_keras(unclear, given), atol=TOLERANCE, rtol=0)


def test_one_input_of_text_for_several_words(tmp_path: Path) -> None:
    text = keras.Input((2,), dtype="string", name="words")
    counted = layers.StringLookup(vocabulary=["red", "443", "green"], output_mode="multi_hot")(text)
    model = keras.Model(text, ending([counted]))
    path = converted(model, contract(COLOUR, PORT), tmp_path)
    expected = by_keras(model, np.array(TEXT, object))
    assert np.allclose(served(path, [], TEXT), expected, atol=TOLERANCE, rtol=0)


def test_a_feature_space_through_its_encoded_features(tmp_path: Path) -> None:
    """Normalized, rescaled, binned, looked up as text and as integers; adapted, saved and loaded."""
    space = keras.utils.FeatureSpace(
        {
            "depth_m": keras.utils.FeatureSpace.float_normalized(),
            "flow": keras.utils.FeatureSpace.float_discretized(num_bins=3),
            "colour": keras.utils.FeatureSpace.string_categorical(num_oov_indices=1),
            "port": keras.utils.FeatureSpace.integer_categorical(num_oov_indices=1),
        },
        output_mode="concat",
    )
    sample = {
        "depth_m": np.array([1.0, 2.0, -1.0, 0.5], np.float32),
        "flow": np.array([-4.0, 0.0, 2.0, 5.0], np.float32),
        "colour": np.array(["red", "green", "red", "red"]),
        "port": np.array([22, 80, 443, 22], np.int64),
    }
    space.adapt(tf.data.Dataset.from_tensor_slices(sample))
    keras.Model(space.get_inputs(), ending([space.get_encoded_features()])).save(tmp_path / "mine.keras")
    model = keras.saving.load_model(tmp_path / "mine.keras")
    path = converted(tmp_path / "mine.keras", contract(DEPTH, FLOW, COLOUR, PORT), tmp_path)
    given = {
        "depth_m": column(NUMBERS, 0),
        "flow": column(NUMBERS, 1),
        "colour": column(TEXT, 0, object),
        "port": np.array([[443], [22], [8080]]),
    }
    assert np.allclose(served(path, NUMBERS, TEXT), by_keras(model, given), atol=TOLERANCE, rtol=0)


def test_words_coded_from_0_and_an_embedding_that_is_too_small_for_codes_from_1(tmp_path: Path) -> None:
    """An unseen word gets the code of the harmless word, because no code is free."""
    colour = keras.Input((1,), name="colour", dtype="int32")
    model = keras.Model(colour, ending([layers.Flatten()(layers.Embedding(2, 3)(colour))]))
    with pytest.raises(ConversionError, match=r"table of 2 rows.*'colour' have codes from 1 to 2.*--codes-from 0"):
        converted(model, contract(COLOUR), tmp_path)
    path = converted(model, contract(COLOUR), tmp_path, choices=Choices(codes_from=0))
    expected = by_keras(model, np.array([[1], [0], [0]], np.int32))
    assert np.allclose(served(path, [], [["red"], ["green"], ["violet"]]), expected, atol=TOLERANCE, rtol=0)
    without = dataclasses.replace(COLOUR, background=None)
    with pytest.raises(ConversionError, match=r"'colour'.*write the `background`"):
        converted(model, contract(without), tmp_path, choices=Choices(codes_from=0))


def test_a_missing_number_becomes_its_value_and_a_flag(tmp_path: Path) -> None:
    """In a matrix the flags follow the features; with named inputs each has its own input FEATURE_missing."""
    given = [[1.5, float("nan")], [0.25, 4.0], [-1.0, 0.0]]
    filled = np.array([[1.5, 0.5, 1], [0.25, 4, 0], [-1, 0, 0]], np.float32)
    matrix = keras.Sequential([keras.Input((3,)), layers.Dense(4, "relu"), layers.Dense(2, "softmax")])
    path = converted(matrix, contract(FLAGGED, DEPTH), tmp_path)
    expected = by_keras(matrix, filled[:, [1, 0, 2]].copy())
    assert np.allclose(served(path, [row[::-1] for row in given]), expected, atol=TOLERANCE, rtol=0)
    inputs = {name: keras.Input((1,), name=name) for name in ("flow_missing", "depth_m", "flow")}
    named = keras.Model(inputs, ending(list(inputs.values())))
    path = converted(named, contract(DEPTH, FLAGGED), tmp_path)
    by_name = {"flow_missing": filled[:, 2:], "depth_m": filled[:, :1], "flow": filled[:, 1:2]}
    assert np.allclose(served(path, given), by_keras(named, by_name), atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("layer", ["LSTM", "Conv1D"])
def test_a_window_that_is_whole_in_one_document(tmp_path: Path, layer: str) -> None:
    """The features are the values of one step after the other."""
    window = keras.Input((3, 2), name="window")
    hidden = layers.LSTM(4)(window) if layer == "LSTM" else layers.Flatten()(layers.Conv1D(3, 2)(window))
    model = keras.Model(window, layers.Dense(2, activation="softmax")(hidden))
    steps = [number(f"{name}_{step}") for step in range(3) for name in ("depth", "flow")]
    path = converted(model, contract(*steps), tmp_path)
    rows = [[1.0, 2.0, 3.0, -1.0, 0.5, 4.0], [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]]
    expected = by_keras(model, np.array(rows, np.float32).reshape(2, 3, 2))
    assert np.allclose(served(path, rows), expected, atol=1e-6)


def of_text(**more: Any) -> keras.Model:
    colour = keras.Input((1,), name="colour", dtype="string")
    return keras.Model(colour, ending([layers.StringLookup(output_mode="one_hot", **more)(colour)]))


def named(*names: str, width: int = 1, **more: Any) -> keras.Model:
    inputs = [keras.Input((width,), name=name, **more) for name in names]
    return keras.Model(inputs, ending(inputs))


def integers(*vocabulary: int, **more: Any) -> keras.Model:
    port = keras.Input((1,), name="port", dtype="int64")
    return keras.Model(
        port,
        ending([layers.Flatten()(layers.Embedding(9, 2)(layers.IntegerLookup(vocabulary=vocabulary, **more)(port)))]),
    )


REFUSED: dict[str, tuple[Any, tuple[Any, ...], Choices, str]] = {
    "a feature without an input": (
        lambda: named("depth_m"),
        (DEPTH, FLOW),
        Choices(),
        "no input for flow of the contract",
    ),
    "a flag without an input": (
        lambda: named("depth_m", "flow"),
        (DEPTH, FLAGGED),
        Choices(),
        'no input for flow_missing, .*"missing": "value"',
    ),
    "a feature with the name of a flag": (
        lambda: named("flow", "flow_missing"),
        (FLAGGED, number("flow_missing")),
        Choices(),
        "'flow_missing' has the name of the flag of 'flow'; give it another name",
    ),
    "an input without a feature": (
        lambda: named("depth_m", "flow"),
        (DEPTH,),
        Choices(),
        r"no feature of the contract is left .*'flow' \(n, 1\)",
    ),
    "inputs of unknown names": (
        lambda: named("a", "b"),
        (DEPTH, FLOW),
        Choices(),
        r"which features .*--input a=depth_m --input b=flow",
    ),
    "--input of no input": (
        lambda: named("a", "b"),
        (DEPTH, FLOW),
        Choices(inputs={"c": ("flow",)}),
        "--input names 'c'; .* a, b",
    ),
    "--input of no feature": (
        lambda: named("a", "b"),
        (DEPTH, FLOW),
        Choices(inputs={"a": ("depth",)}),
        "'depth' is no feature .*depth_m",
    ),
    "a number for text": (
        lambda: of_text(vocabulary=["red"]),
        (number("colour"),),
        Choices(),
        r'takes text.*"kind": "string"',
    ),
    "another feature's words": (
        lambda: of_text(vocabulary=["tcp", "udp"]),
        (COLOUR,),
        Choices(),
        "looks up 'tcp', 'udp'.*'colour' has none",
    ),
    "words for integers": (
        lambda: integers(22, 80),
        (words("port", "http"),),
        Choices(),
        "looks up integers, and 'http'.*'port' is none",
    ),
    "other integers": (lambda: integers(22, 80), (words("port", "1", "2"),), Choices(), "'port' has none of these"),
    "integers that float32 does not hold": (
        lambda: integers(22, 4_000_000_001),
        (number("port"),),
        Choices(),
        'looks up 4000000001, and .port. is a float.*"kind": "string"',
    ),
    "several buckets of integers for words": (
        lambda: integers(22, 80, num_oov_indices=3),
        (PORT,),
        Choices(),
        "several numbers for unknown.*float",
    ),
    "a window over several documents": (
        lambda: keras.Model(w := keras.Input((10, 2), name="w"), ending([layers.LSTM(3, name="memory")(w)])),
        (DEPTH, FLOW),
        Choices(),
        r"'w' has the shape \(n, 10, 2\), a window of 10 steps.* LSTM 'memory'.*\(20 in all\)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_inputs_that_do_not_fit_are_refused_with_what_to_do(case: str, tmp_path: Path) -> None:
    """One line that names the input or the feature, and no file is written."""
    build, features, choices, said = REFUSED[case]
    with pytest.raises(ConversionError, match=said) as raised:
        converted(build(), contract(*features), tmp_path, choices=choices)
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []
