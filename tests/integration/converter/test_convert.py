"""Keras models of every accepted shape become artifacts that predict like Keras; all others get a clear refusal."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers

from contract.artifact.contract import METADATA_KEY, ModelContract
from contract.errors import ArtifactError, ConversionError, InputError
from converter.contract_file import read_contract
from converter.convert import Converted, convert
from converter.rows import made_from
from tests.integration.converter.models import FEATURES, contract, ending_in, one_input, two_inputs

NUMERIC_ONLY = tuple(feature for feature in FEATURES if feature.kind == "float")
WORDS_ONLY = tuple(feature for feature in FEATURES if feature.kind == "string")


def answers(made: Converted, **feed: object) -> dict[str, np.ndarray]:
    """The outputs of ONNX Runtime for these inputs."""
    session = onnxruntime.InferenceSession(made.path)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def shapes(values: object) -> list[tuple[str, list[object]]]:
    return [
        (item.name, [size.dim_param or size.dim_value for size in item.type.tensor_type.shape.dim])
        for item in values  # type: ignore[attr-defined]
    ]


@pytest.mark.parametrize("as_dict", [False, True])
def test_a_model_with_two_inputs_and_a_novelty(tmp_path: Path, as_dict: bool) -> None:
    """Case a: names and axes are those of the contract, and an output (n, 1) becomes (n,)."""
    made = convert(two_inputs(novelty=True, as_dict=as_dict), contract(threshold=0.7), tmp_path / "model.onnx")
    graph = onnx.load(made.path).graph
    assert shapes(graph.input) == [("numeric", ["rows", 3]), ("categorical", ["rows", 2])]
    assert shapes(graph.output) == [("probabilities", ["rows", 3]), ("novelty", ["rows"])]
    assert made.agreement.rows > 2_000
    assert made.agreement.labels_that_differ == 0


@pytest.mark.parametrize("sequential", [True, False])
def test_a_model_with_one_input_gets_the_features_in_the_contracts_order(tmp_path: Path, sequential: bool) -> None:
    """Case b: the expected inputs are computed by hand from the contract, not with the converter's own encoding."""
    model = one_input(sequential=sequential)
    made = convert(model, contract(), tmp_path / "model.onnx")
    numeric = np.array([[1.5, 80.0, 7.2], [9.0, 4000.0, 6.8]], np.float32)
    words = np.array([["red", "right"], ["purple", "left"]], object)
    by_hand = np.array([[1.5, 2, 80.0, 2, 7.2], [9.0, 0, 4000.0, 1, 6.8]], np.float32)
    found = answers(made, numeric=numeric, categorical=words)["probabilities"]
    assert np.allclose(found, model.predict(by_hand, verbose=0), atol=1e-5)


def test_a_model_of_numbers_only_has_no_input_for_words(tmp_path: Path) -> None:
    """Case c."""
    made = convert(one_input(3), contract(NUMERIC_ONLY), tmp_path / "model.onnx")
    model = onnx.load(made.path)
    assert shapes(model.graph.input) == [("numeric", ["rows", 3])]
    assert answers(made, numeric=np.zeros((0, 3), np.float32))["probabilities"].shape == (0, 3)


def test_a_model_of_words_only_and_of_a_single_word(tmp_path: Path) -> None:
    """No numeric input; a single column is split too."""
    for features in (WORDS_ONLY, WORDS_ONLY[:1]):
        made = convert(one_input(len(features)), contract(features), tmp_path / "model.onnx")
        assert shapes(onnx.load(made.path).graph.input) == [("categorical", ["rows", len(features)])]


def test_a_recurrent_model_converts_with_its_loop(tmp_path: Path) -> None:
    """Nested graphs are renamed too, and can use the names around them."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((3,), name="numeric")
    hidden = layers.SimpleRNN(4)(layers.Reshape((3, 1))(inputs))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(hidden))
    made = convert(model, contract(NUMERIC_ONLY), tmp_path / "model.onnx")
    assert any(node.op_type == "Loop" for node in onnx.load(made.path).graph.node)
    assert made.agreement.labels_that_differ == 0


def test_a_word_outside_the_vocabulary_gets_its_own_code_and_is_no_error(tmp_path: Path) -> None:
    """Also the empty word, another case, and words beyond ASCII."""
    model = two_inputs()
    made = convert(model, contract(), tmp_path / "model.onnx")
    words = np.array([["gr\u00fcn", "left"], ["Red", ""], ["\u8272", "left "], ["white", "right"]], object)
    numeric = np.full((4, 3), 2.0, np.float32)
    expected = np.array([[1, 1], [0, 0], [0, 0], [3, 2]], np.int32)
    found = answers(made, numeric=numeric, categorical=words)["probabilities"]
    assert np.allclose(found, model.predict([numeric, expected], verbose=0), atol=1e-5)


def test_the_artifact_carries_the_contract_with_the_versions_that_made_it(tmp_path: Path) -> None:
    """The file has everything that its users need."""
    made = convert(two_inputs(), contract(), tmp_path / "model.onnx")
    metadata = onnxruntime.InferenceSession(made.path).get_modelmeta().custom_metadata_map
    read = ModelContract.from_json(metadata[METADATA_KEY])
    assert read.features == FEATURES
    assert read.libraries["keras"] == keras.__version__
    assert set(read.libraries) == {"keras", "onnx", "tensorflow", "tf2onnx"}


def test_the_same_model_gives_the_same_bytes_also_after_saving_and_loading(tmp_path: Path) -> None:
    """So the same model always has the same version."""
    model = two_inputs(novelty=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    made = [
        convert(item, contract(threshold=0.5), tmp_path / f"{n}.onnx") for n, item in enumerate((model, model, loaded))
    ]
    assert len({item.path.read_bytes() for item in made}) == 1


def test_only_standard_operators_and_everything_inside_the_file(tmp_path: Path) -> None:
    """Any ONNX Runtime, in any language, can run it."""
    model = onnx.load(convert(two_inputs(), contract(), tmp_path / "model.onnx").path, load_external_data=False)
    assert {item.domain for item in model.opset_import} == {"", "ai.onnx.ml"}
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx.ml"}
    assert not any(tensor.external_data for tensor in model.graph.initializer)


REFUSED = {
    "width": (lambda: one_input(7), contract(), r"shape \(n, 7\).*5 features.*expected \(n, 5\)"),
    "words": (lambda: two_inputs(n_words=4), contract(), r"'categorical' has the shape \(n, 4\).*2 string features"),
    "labels": (lambda: two_inputs(n_labels=4), contract(), r"probabilities have the shape \(n, 4\).*3 labels"),
    "no novelty": (
        two_inputs,
        contract(threshold=0.5),
        r"1 outputs \(probabilities\) and the contract has a novelty threshold; expected 2",
    ),
    "no threshold": (
        lambda: two_inputs(novelty=True),
        contract(),
        r"2 outputs \(probabilities, novelty\) and the contract has no novelty threshold; .* choose one with --head",
    ),
    "no probabilities": (
        lambda: ending_in(layers.Dense(3, activation="relu")),
        contract(NUMERIC_ONLY),
        r"(expected 0 to 1|sum to \d.*, expected 1); end the model with a softmax",
    ),
    "sigmoids": (
        lambda: ending_in(layers.Dense(3, activation="sigmoid")),
        contract(NUMERIC_ONLY),
        r"3 outputs end in a sigmoid each, .* write \"several_labels\": true",
    ),
    "unbuilt": (lambda: keras.Sequential([layers.Dense(3)]), contract(NUMERIC_ONLY), r"no inputs of a known shape"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_model_that_does_not_fit_its_contract_is_refused_with_the_found_and_expected_shapes(
    case: str, tmp_path: Path
) -> None:
    """One line, and no file stays on disk."""
    build, its_contract, words = REFUSED[case]
    with pytest.raises(ConversionError, match=words) as raised:
        convert(build(), its_contract, tmp_path / "model.onnx")  # type: ignore[no-untyped-call]
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_model_whose_weights_are_damaged_is_refused(tmp_path: Path) -> None:
    """NaN weights give NaN outputs: the conversion fails before anyone serves the model."""
    model = one_input(3)
    weights = model.get_weights()
    weights[0][0, 0] = np.nan
    model.set_weights(weights)
    with pytest.raises(ConversionError, match=r"probabilities are not finite on \d+ of 2000 rows"):
        convert(model, contract(NUMERIC_ONLY), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_operation_that_onnx_lacks_is_named(tmp_path: Path) -> None:
    """The inverse error function is in TensorFlow and in no version of ONNX."""
    inputs = keras.Input((3,), name="numeric")
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(keras.ops.erfinv(keras.ops.tanh(inputs))))
    with pytest.raises(ConversionError, match="operations that ONNX does not have: Erfinv"):
        convert(model, contract(NUMERIC_ONLY), tmp_path / "model.onnx")


def test_logarithm_exponential_and_gelu_are_written_with_operators_of_onnx(tmp_path: Path) -> None:
    """tf2onnx leaves Log1p, Expm1 and Erfc unchanged; the comparison with Keras proves the replacement."""
    inputs = keras.Input((3,), name="numeric")
    small = keras.ops.expm1(keras.ops.tanh(keras.ops.log1p(keras.ops.relu(inputs))))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Dense(4, activation="gelu")(small)))
    assert convert(model, contract(NUMERIC_ONLY), tmp_path / "model.onnx").agreement.labels_that_differ == 0


def test_a_model_whose_rows_depend_on_each_other_is_refused(tmp_path: Path) -> None:
    """A document's verdict must not depend on its neighbours in the batch."""
    inputs = keras.Input((3,), name="numeric")
    centred = inputs - keras.ops.mean(inputs, axis=0, keepdims=True)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(centred / 100.0))
    with pytest.raises(ConversionError, match="differ between the row alone and the row in a batch"):
        convert(model, contract(NUMERIC_ONLY), tmp_path / "model.onnx")


def test_a_contract_file_is_read_strictly_and_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    """Values that the user forgot, misspelt or mixed up, in one line that names the file."""
    path = tmp_path / "contract.json"
    data = {key: value for key, value in contract(NUMERIC_ONLY).to_dict().items() if key != "labels"}
    path.write_text(json.dumps({**data, "lables": [], "name": "My Model"}), encoding="utf-8")
    with pytest.raises(InputError, match=r"contract\.json: the contract has 3 problems") as refusal:
        read_contract(path)
    for said in (
        "the key 'lables' is unknown",
        "`labels` is missing; write one object for each output of the model",
        "`name` is 'My Model'",
    ):
        assert said in str(refusal.value)
    for content, said in (
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"[" * 100_000, "nested too deeply"),
        (b"", "is not JSON"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=said):
            read_contract(path)


def test_an_inconsistent_contract_is_refused_before_any_work(tmp_path: Path) -> None:
    """The message is the contract's own."""
    with pytest.raises(ArtifactError, match="occurs twice"):
        convert(two_inputs(), contract(FEATURES + FEATURES[:1]), tmp_path / "model.onnx")


def test_a_refused_model_leaves_the_existing_artifact(tmp_path: Path) -> None:
    """The service that reads the file keeps its model."""
    made = convert(two_inputs(), contract(), tmp_path / "model.onnx")
    before = made.path.read_bytes()
    with pytest.raises(ConversionError):
        convert(two_inputs(n_labels=4), contract(), made.path)
    assert made.path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_the_given_rows_are_the_rows_that_are_tried(tmp_path: Path) -> None:
    """In addition, rows with unseen words: one set per column, and one with all of them."""
    rows = made_from(contract(), n_rows=30)
    made = convert(two_inputs(), contract(), tmp_path / "model.onnx", rows)
    assert made.agreement.rows == 30 + 3 * 30
