"""`contract init --model`: the words that a model looks up become the contract's vocabularies.

The sample lacks some of them. A document with such a word is predicted like in Keras, and the word is not unseen.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from contract.artifact.contract import Feature, ModelContract
from converter.contract_file import read_contract
from converter.export.wired import look_ups
from enrich_service.model.artifact import load as open_artifact
from enrich_service.predict.features import FeatureReader
from enrich_service.predict.predict import Predictor
from tests.enriching import page_of
from tests.here import json_here, oversight_here
from tests.integration.converter.serving import TOLERANCE, by_keras, contract, converted, number, words

COLOURS, PORTS = ["violet", "red", "green"], [8080, 443, 22]
N = 60


def text(name: str, width: int = 1) -> Any:
    return keras.Input((width,), name=name, dtype="string")


def ending(tensors: list[Any]) -> Any:
    return layers.Dense(2, "softmax")(layers.Concatenate()(tensors) if len(tensors) > 1 else tensors[0])


@pytest.fixture
def model() -> keras.Model:
    """Looks up colours as text and ports as integers, beside a number."""
    keras.utils.set_random_seed(2)
    colour, port = text("user_colour"), keras.Input((1,), name="port", dtype="int64")
    depth = keras.Input((1,), name="depth")
    coloured = layers.StringLookup(vocabulary=COLOURS, output_mode="one_hot")(colour)
    ported = layers.Flatten()(layers.Embedding(4, 3)(layers.IntegerLookup(vocabulary=PORTS)(port)))
    return keras.Model([depth, colour, port], ending([depth, coloured, ported]))


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Rows without `violet` and `8080`, and with `pink`, which the model does not know."""
    rng = np.random.default_rng(1)
    with (tmp_path / "rivers.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["depth", "user.colour", "port", "class"])
        for place in range(N):
            colour = "pink" if place % 20 == 7 else ["red", "green"][place % 2]
            rows.writerow([round(rng.random(), 3), colour, [22, 443][place % 3 == 0], ["calm", "flood"][place % 5 < 2]])
    return tmp_path / "rivers.csv"


def test_a_word_that_only_the_model_knows_is_predicted_as_in_keras_and_not_unseen(
    model: keras.Model, sample: Path, tmp_path: Path
) -> None:
    model.save(tmp_path / "mine.keras")
    given = ("--data", sample, "--label", "class", "--harmless", "calm", "--model", "mine.keras", "--output", "c.json")
    facts = json_here("contract", "init", *given, cwd=tmp_path)
    known, unknown = "the 3 words that the model looks up", "3 of 60 rows hold words that the model does not know"
    assert facts["words"] == [f"user.colour: {known}; {unknown}: 'pink'", f"port: {known}"]
    made = read_contract(tmp_path / "c.json")
    by_name = {feature.name: feature for feature in made.features}
    assert by_name["user.colour"].vocabulary == tuple(COLOURS)
    assert by_name["port"].vocabulary == tuple(map(str, PORTS))
    path = converted(tmp_path / "mine.keras", made, tmp_path)
    river = {"depth": 0.5, "user": {"colour": "violet"}, "port": 8080}
    pink = {**river, "user": {"colour": "pink"}}
    artifact = open_artifact(path)
    reader, predictor = FeatureReader(artifact.contract), Predictor(artifact)
    found = predictor.predict(reader.read(page_of({"rivers": river}, {"rivers": pink}).sources))
    assert found.warnings == [[], ["unseen_category:rivers.user.colour"]]
    expected = by_keras(
        model,
        [
            np.array([[0.5], [0.5]], np.float32),
            np.array([["violet"], ["pink"]], object),
            np.array([[8080], [8080]], np.int64),
        ],
    )
    assert np.allclose(found.outputs["probabilities"], expected, atol=TOLERANCE, rtol=0)


def shared() -> keras.Model:
    """One layer for two inputs."""
    inputs, table = [text("to"), text("from")], layers.StringLookup(vocabulary=["b", "a"], output_mode="one_hot")
    return keras.Model(inputs, ending([table(each) for each in inputs]))


def matrix() -> keras.Model:
    """One input for several features, with a mask."""
    known = layers.StringLookup(vocabulary=["b", "a"], mask_token="", output_mode="multi_hot")
    return keras.Model(given := text("anything", 2), ending([known(given)]))


def space() -> keras.Model:
    """A FeatureSpace of a text, an integer and a number in bins; adapted."""
    kinds = keras.utils.FeatureSpace
    made = kinds(
        {
            "to": kinds.string_categorical(num_oov_indices=1),
            "from": kinds.integer_categorical(num_oov_indices=1),
            "depth": kinds.float_discretized(num_bins=2),
        },
        output_mode="concat",
    )
    rows = {"to": ["a", "b", "b"], "from": np.array([7, 8, 8]), "depth": np.array([1.0, 2.0, 3.0], np.float32)}
    made.adapt(tf.data.Dataset.from_tensor_slices(rows))
    return keras.Model(made.get_inputs(), ending([made.get_encoded_features()]))


def buckets() -> keras.Model:
    """Unknown integers have several numbers, which a word cannot have."""
    table = layers.IntegerLookup(vocabulary=[1, 2], num_oov_indices=3, output_mode="one_hot")
    return keras.Model(given := keras.Input((1,), name="to", dtype="int64"), ending([table(given)]))


TWO_WORDS = contract(words("to", "a"), words("from", "a"))
TWO_NUMBERS = contract(number("to"), number("from"))


@pytest.mark.parametrize(
    ("build", "described", "expected"),
    [
        (shared, TWO_WORDS, {"to": ("b", "a"), "from": ("b", "a")}),
        (matrix, TWO_WORDS, {"to": ("b", "a"), "from": ("b", "a")}),
        (space, TWO_WORDS, {"to": ("b", "a"), "from": ("8", "7")}),
        (buckets, TWO_NUMBERS, {}),
    ],
)
def test_the_words_of_each_column_are_those_of_its_table(
    build: Any, described: ModelContract, expected: dict[str, tuple[str, ...]]
) -> None:
    """In the model's order, whether or not an input has a column's name."""
    found, columns = look_ups(build()), ["to", "from", "depth"]
    assert found.by_name(columns) | found.by_wiring(described, columns) == expected


def test_a_table_of_another_column_is_still_refused(sample: Path, tmp_path: Path) -> None:
    """No row has one of its words: the contract keeps the words of the rows, and says so."""
    colour = text("user_colour")
    table = layers.StringLookup(vocabulary=["tcp", "udp"], output_mode="one_hot")
    keras.Model(colour, ending([table(colour)])).save(tmp_path / "other.keras")
    given = ("--data", sample, "--label", "class", "--harmless", "calm", "--leave-out", "depth", "--leave-out", "port")
    other = ("--model", "other.keras", "--output", "c.json")
    done = oversight_here("contract", "init", *given, *other, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "user.colour: no row holds a word that the model looks up ('tcp', 'udp'); correct the column" in done.stdout
    assert "the order of the labels was not tried: the model's input 'user_colour' looks up" in done.stdout
    feature: Feature = read_contract(tmp_path / "c.json").features[0]
    assert feature.vocabulary == ("green", "pink", "red")
