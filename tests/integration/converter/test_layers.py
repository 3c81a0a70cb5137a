"""Each mode of Keras's look-ups, bins and counts equals Keras exactly, or is refused with the layer's name."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray
from onnx import helper

from contract.errors import ConversionError
from converter.export.wired import exported, wire
from converter.onnx_graph import IR_VERSION, ML_DOMAIN, ML_OPSET, OPSET
from tests.integration.converter.serving import contract, number, words

Case = tuple[layers.Layer, NDArray[Any]]
WORDS = np.array([["green"], ["red"], ["violet"], [""], ["white"]], object)
PORTS = np.array([[22], [443], [7], [0], [80]], np.int64)
NUMBERS = np.array([[-1.0], [0.0], [0.5], [np.nan], [9.0]], np.float32)
PLACES = np.array([[0], [3], [2], [1], [3]], np.int64)
MODES = ("int", "one_hot", "multi_hot", "count")


def look_up(**more: Any) -> layers.Layer:
    return layers.StringLookup(vocabulary=["red", "green", "white"], **more)


def integers(**more: Any) -> layers.Layer:
    return layers.IntegerLookup(vocabulary=[443, 22, 80], **more)


def bins(mode: str) -> layers.Layer:
    return layers.Discretization(bin_boundaries=[0.0, 0.5, 2.0], output_mode=mode)


def counts(mode: str) -> layers.Layer:
    return layers.CategoryEncoding(4, output_mode=mode)


def cases() -> dict[str, Case]:
    return {
        **{f"text {mode}": (look_up(output_mode=mode), WORDS) for mode in MODES},
        "text tf_idf": (look_up(output_mode="tf_idf", idf_weights=[0.5, 1.5, 2.5]), WORDS),
        "text mask": (look_up(mask_token=""), WORDS),
        "text mask multi_hot": (look_up(mask_token="", output_mode="multi_hot"), WORDS),
        "text to a fixed width": (look_up(max_tokens=7, pad_to_max_tokens=True, output_mode="one_hot"), WORDS),
        "texts multi_hot": (look_up(output_mode="multi_hot"), np.hstack([WORDS, WORDS[::-1]])),
        "texts count": (look_up(output_mode="count"), np.hstack([WORDS, WORDS])),
        **{f"integer {mode}": (integers(output_mode=mode), PORTS) for mode in MODES},
        "integer mask": (integers(mask_token=0), PORTS),
        "integer in several buckets": (integers(num_oov_indices=3), PORTS),
        **{f"bins {mode}": (bins(mode), NUMBERS) for mode in MODES},
        "bins of several": (bins("int"), np.hstack([NUMBERS, NUMBERS[::-1]])),
        **{f"codes {mode}": (counts(mode), PLACES) for mode in MODES[1:]},
        "several codes": (counts("multi_hot"), np.hstack([PLACES, PLACES[::-1]])),
    }


@pytest.fixture(scope="module")
def both() -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """The results of Keras and ONNX Runtime for each case. All layers are in one function, which is exported once."""
    every = list(cases().values())
    specs = [
        tf.TensorSpec([None, rows.shape[1]], "string" if rows.dtype == object else rows.dtype, name=f"input_{place}")
        for place, (_, rows) in enumerate(every)
    ]

    def answer(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            f"o{place}": layer(tensor) for place, ((layer, _), tensor) in enumerate(zip(every, tensors, strict=True))
        }

    function = tf.function(answer, input_signature=specs, autograph=False)
    by_keras = function(*[tf.constant(rows) for _, rows in every])
    imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    model = helper.make_model(exported(function), ir_version=IR_VERSION, opset_imports=imports)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [item.name for item in session.get_outputs()]
    by_onnx = dict(
        zip(names, session.run(names, {f"input_{n}": rows for n, (_, rows) in enumerate(every)}), strict=True)
    )
    return {name: (by_keras[f"o{n}"].numpy(), by_onnx[f"o{n}"]) for n, name in enumerate(cases())}


@pytest.mark.parametrize("case", cases())
def test_a_mode_gives_what_keras_gives(case: str, both: dict[str, tuple[NDArray[Any], NDArray[Any]]]) -> None:
    """To the last bit, also for unknown words and NaN."""
    expected, found = both[case]
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert np.array_equal(found, expected)


def of_word(layer: layers.Layer, dtype: str = "string") -> keras.Model:
    word = keras.Input((1,), name="colour", dtype=dtype)
    hidden = layer(word)
    return keras.Model(word, layers.Dense(2, activation="softmax")(keras.ops.cast(hidden, "float32")))


REFUSED: dict[str, tuple[Any, str]] = {
    "Hashing": (lambda: of_word(layers.Hashing(4, name="h")), "Hashing 'h': use StringLookup or IntegerLookup"),
    "HashedCrossing": (
        lambda: keras.Model(
            [a := keras.Input((1,), name="a", dtype="int32"), b := keras.Input((1,), name="b", dtype="int32")],
            layers.Dense(2)(layers.HashedCrossing(4, output_mode="one_hot", name="x")((a, b))),
        ),
        "HashedCrossing 'x': use a feature that joins both values",
    ),
    "TextVectorization": (
        lambda: of_word(layers.TextVectorization(vocabulary=["a"], output_sequence_length=2, name="t")),
        "TextVectorization 't': use features that count",
    ),
    "text in several buckets": (lambda: of_word(look_up(num_oov_indices=2, name="s")), "'s': it hashes unknown words"),
    "no place for unknown words": (
        lambda: of_word(look_up(num_oov_indices=0, name="s")),
        "'s': num_oov_indices=0 fails",
    ),
    "words from numbers": (
        lambda: keras.Model(n := keras.Input((1,), dtype="int64"), look_up(invert=True, name="s")(n)),
        "'s': it turns numbers into words",
    ),
    "no vocabulary": (lambda: of_word(layers.StringLookup(name="s")), "'s': it has no vocabulary"),
    "no bins": (lambda: of_word(layers.Discretization(num_bins=3, name="d"), "float32"), "'d': it was never adapted"),
    "sparse output": (
        lambda: keras.Model(
            n := keras.Input((1,), dtype="int64"), layers.CategoryEncoding(4, "multi_hot", sparse=True, name="c")(n)
        ),
        "CategoryEncoding 'c': its output is sparse; write sparse=False",
    ),
    "a memory of earlier rows": (
        lambda: keras.Model(
            w := keras.Input((3, 1), batch_size=1), layers.Dense(2)(layers.LSTM(2, stateful=True, name="m")(w))
        ),
        "LSTM 'm': it remembers earlier rows",
    ),
    "a layer within a model": (
        lambda: of_word(keras.Sequential([keras.Input((1,), dtype="string"), layers.Hashing(4, name="h")])),
        "Hashing 'h'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_layer_without_a_form_in_onnx_is_refused_by_name_with_what_to_use(case: str) -> None:
    build, said = REFUSED[case]
    with pytest.raises(ConversionError, match=said) as raised:
        wire(build(), contract(number("depth_m"), words("colour", "red", "green")))
    assert "\n" not in str(raised.value)
