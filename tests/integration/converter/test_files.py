"""Model files of every format: each predicts in the enrich service as in Keras, or is refused before any of its code
runs.
"""

from __future__ import annotations

import dataclasses
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from contract.artifact.contract import ModelContract, ScoreOutput
from contract.errors import ConversionError, InputError
from converter.files.load import load
from converter.files.pure_operations import PURE
from tests.integration.converter.serving import TOLERANCE, by_keras, contract, converted, number, served, words

NUMBERS = [[1.5], [0.25], [-1.0]]
TEXT = [["red", "443"], ["green", "22"], ["violet", "8080"]]
GIVEN = {
    "colour": np.array([["red"], ["green"], ["violet"]], object),
    "depth_m": np.array(NUMBERS, np.float32),
    "port": np.array([[443], [22], [8080]], np.int64),
}


def rivers() -> ModelContract:
    """The features are in another order than the model's inputs."""
    return contract(words("colour", "green", "red"), words("port", "22", "80", "443"), number("depth_m"))


def named(of: Any) -> Any:
    """A model of look-ups in Keras 3 or in tf_keras, with a list of inputs."""
    of.utils.set_random_seed(11)
    port = of.Input((1,), name="port", dtype="int64")
    depth, colour = of.Input((1,), name="depth_m"), of.Input((1,), name="colour", dtype="string")
    parts = [
        of.layers.Normalization(mean=[1.0], variance=[4.0])(depth),
        of.layers.StringLookup(vocabulary=["red", "green"], output_mode="one_hot")(colour),
        of.layers.Flatten()(of.layers.Embedding(4, 3)(of.layers.IntegerLookup(vocabulary=[443, 22, 80])(port))),
    ]
    hidden = of.layers.BatchNormalization()(of.layers.Concatenate()(parts))
    return of.Model([port, depth, colour], of.layers.Dense(2, activation="softmax", name="end")(hidden))


@pytest.fixture(scope="module")
def tf_keras() -> Any:
    return pytest.importorskip("tf_keras", reason="no tf_keras, which makes the files of Keras 2")


@pytest.mark.parametrize("form", ["keras", "h5", "folder"])
def test_a_file_of_keras_3(form: str, tmp_path: Path) -> None:
    """A SavedModel's inputs are matched by name: the contract has another order, and so has TensorFlow."""
    model, path = named(keras), tmp_path / f"mine.{form}"
    model.export(path, verbose=False) if form == "folder" else model.save(path)
    made = converted(path, rivers(), tmp_path)
    expected = by_keras(model, [GIVEN[name] for name in ("port", "depth_m", "colour")])
    assert np.allclose(served(made, NUMBERS, TEXT), expected, atol=TOLERANCE, rtol=0)


def test_the_same_model_gives_the_same_bytes_from_both_kinds_of_file(tmp_path: Path) -> None:
    """A look-up table has no order."""
    model = named(keras)
    contents = set()
    for name in ("mine.keras", "mine.h5"):
        model.save(tmp_path / name)
        contents.add(converted(tmp_path / name, rivers(), tmp_path).read_bytes())
    assert len(contents) == 1


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
@pytest.mark.parametrize("form", ["h5", "folder", "export"])
def test_a_file_of_keras_2(form: str, tmp_path: Path, tf_keras: Any) -> None:
    model, path = named(tf_keras), tmp_path / f"mine.{form}"
    if form == "export":
        model.export(path)
    else:
        model.save(path, save_format="tf" if form == "folder" else "h5")
    made = converted(path, rivers(), tmp_path)
    expected = np.asarray(model([tf.constant(GIVEN[name]) for name in ("port", "depth_m", "colour")]))
    assert np.allclose(served(made, NUMBERS, TEXT), expected, atol=TOLERANCE, rtol=0)


def test_a_saved_model_of_keras_2_whose_layers_were_adapted(tmp_path: Path, tf_keras: Any) -> None:
    """The file also has the functions that adapted the layers."""
    of = tf_keras.layers
    scale, look_up = of.Normalization(), of.StringLookup(output_mode="multi_hot")
    scale.adapt(np.array([[1.0], [5.0]], np.float32))
    look_up.adapt(np.array([["red"], ["green"], ["red"]]))
    depth, colour = tf_keras.Input((1,), name="depth_m"), tf_keras.Input((1,), name="colour", dtype="string")
    hidden = of.Concatenate()([scale(depth), look_up(colour)])
    model = tf_keras.Model([depth, colour], of.Dense(2, activation="softmax")(hidden))
    model.save(tmp_path / "saved", save_format="tf")
    made = converted(tmp_path / "saved", contract(words("colour", "green", "red"), number("depth_m")), tmp_path)
    expected = np.asarray(model([tf.constant(GIVEN["depth_m"]), tf.constant(GIVEN["colour"])]))
    assert np.allclose(served(made, NUMBERS, [row[:1] for row in TEXT]), expected, atol=TOLERANCE, rtol=0)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
def test_a_keras_file_of_keras_2_is_refused_with_a_recipe_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tf_keras: Any
) -> None:
    """The program in the message runs unchanged."""
    model = named(tf_keras)
    model.save(tmp_path / "mine.keras")
    with pytest.raises(ConversionError, match=r"saved by Keras 2\.\d+.*pip install tf_keras") as raised:
        load(tmp_path / "mine.keras")
    program = str(raised.value).split('python -c "')[1].split('"')[0]
    monkeypatch.chdir(tmp_path)
    exec(program)  # noqa: S102 - here, because another process would load TensorFlow again
    made = converted(tmp_path / "mine.h5", rivers(), tmp_path)
    expected = np.asarray(model([tf.constant(GIVEN[name]) for name in ("port", "depth_m", "colour")]))
    assert np.allclose(served(made, NUMBERS, TEXT), expected, atol=TOLERANCE, rtol=0)


class Harmful(tf.Module):  # type: ignore[misc]
    """A model of one matrix that writes a file when it is called, as loaded from a SavedModel."""

    def __init__(self, target: Path) -> None:
        super().__init__()
        self.target = str(target)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="rows")])  # type: ignore[untyped-decorator]
    def __call__(self, rows: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([tf.io.write_file(self.target, "written")]):
            return tf.nn.softmax(rows)


class Tracing(tf.Module):  # type: ignore[misc]
    """The same, with the operation in a branch that only some rows take."""

    def __init__(self, target: Path) -> None:
        super().__init__()
        self.target = str(target)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="rows")])  # type: ignore[untyped-decorator]
    def __call__(self, rows: tf.Tensor) -> tf.Tensor:
        def harmful() -> tf.Tensor:
            with tf.control_dependencies([tf.io.write_file(self.target, "written")]):
                return tf.nn.softmax(rows)

        return tf.cond(tf.reduce_sum(rows) > 100.0, harmful, lambda: tf.nn.softmax(rows))


@pytest.mark.parametrize("kind", [Harmful, Tracing])
def test_a_saved_model_that_would_write_a_file_is_refused_unread(kind: Any, tmp_path: Path) -> None:
    target, folder = tmp_path / "target.txt", tmp_path / "saved"
    module = kind(target)
    tf.saved_model.save(module, str(folder), signatures=module.__call__.get_concrete_function())
    target.unlink(missing_ok=True)
    with pytest.raises(ConversionError, match="may do more than compute: WriteFile; it was not loaded"):
        load(folder)
    assert not target.exists()


def test_the_list_of_pure_operations_has_only_operations_without_file_access() -> None:
    known = {name for name in dir(tf.raw_ops) if not name.startswith("_")}
    assert not PURE - known
    touching = (
        "File",
        "Save",
        "Restore",
        "Print",
        "Py",
        "Queue",
        "Dataset",
        "Iterator",
        "Summary",
        "Checkpoint",
        "Remote",
    )
    found = {name for name in PURE if any(part in name for part in touching)}
    assert found == {"IteratorGetNext"}  # it needs an iterator, which no pure operation creates


def test_a_saved_model_whose_inputs_have_no_feature_names_is_never_wired_by_position(tmp_path: Path) -> None:
    left, right = keras.Input((1,), name="left"), keras.Input((1,), name="right")
    model = keras.Model([left, right], layers.Dense(2, activation="softmax")(layers.Concatenate()([left, right])))
    model.export(tmp_path / "saved", verbose=False)
    with pytest.raises(
        ConversionError, match=r"which features do the inputs .*--input left=depth_m --input right=flow"
    ):
        converted(tmp_path / "saved", contract(number("depth_m"), number("flow")), tmp_path)


def test_a_saved_model_has_no_layer_to_compare_a_reconstruction_with(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((1,)), layers.Rescaling(0.5, name="scaled"), layers.Dense(1)]).export(
        tmp_path / "saved", verbose=False
    )
    anomaly = dataclasses.replace(
        contract(number("depth_m")), task="anomaly", score=ScoreOutput(0.3, measure="mse", compared_with="scaled")
    )
    with pytest.raises(ConversionError, match=r"`score\.compared_with` is 'scaled', and a SavedModel has no layers"):
        converted(tmp_path / "saved", anomaly, tmp_path)


def test_mixed_precision_is_computed_in_float32_with_the_same_weights(tmp_path: Path) -> None:
    """In both files; the half precision itself differs only by its own rounding."""
    keras.utils.set_random_seed(3)
    policy = keras.dtype_policies.DTypePolicy("mixed_float16")
    stack = [layers.Dense(8, "relu", dtype=policy), layers.Dense(2, dtype=policy), layers.Softmax(dtype="float32")]
    model = keras.Sequential([keras.Input((2,)), *stack])
    single = keras.Sequential([keras.Input((2,)), layers.Dense(8, "relu"), layers.Dense(2, "softmax")])
    single.set_weights(model.get_weights())
    rows = [[1.5, -2.0], [0.25, 4.0]]
    for name in ("mine.keras", "mine.h5"):
        model.save(tmp_path / name)
        found = served(converted(tmp_path / name, contract(number("depth_m"), number("flow")), tmp_path), rows)
        assert np.allclose(found, by_keras(single, np.array(rows, np.float32)), atol=TOLERANCE, rtol=0)
        assert np.allclose(found, by_keras(model, np.array(rows, np.float32)), atol=5e-3)


OWN_LAYER = """
import keras

class Doubled(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2.0

@keras.saving.register_keras_serializable("rivers")
def swoosh(x):
    return x * keras.ops.sigmoid(x)
"""


@pytest.mark.parametrize("form", ["keras", "h5"])
def test_a_module_of_the_authors_own_is_imported_only_when_it_is_named(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"own_layers_{form}"
    (tmp_path / f"{name}.py").write_text(OWN_LAYER, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    module = load_module(tmp_path / f"{name}.py")
    stack = [module.Doubled(), layers.Dense(3, activation=module.swoosh), layers.Dense(2, "softmax")]
    model, path = keras.Sequential([keras.Input((2,)), *stack]), tmp_path / f"mine.{form}"
    model.save(path)
    expected = by_keras(model, np.array([[1.5, -2.0]], np.float32))
    keras.saving.get_custom_objects().clear()
    with pytest.raises(ConversionError, match=r"custom code \(.*--import MODULE"):
        load(path)
    features = contract(number("depth_m"), number("flow"))
    found = served(converted(load(path, [name]), features, tmp_path), [[1.5, -2.0]])
    assert np.allclose(found, expected, atol=TOLERANCE, rtol=0)
    with pytest.raises(InputError, match=r"--import nothing_here failed \(ModuleNotFoundError.*without \.py"):
        load(path, ["nothing_here"])


def load_module(path: Path) -> Any:
    """Like a notebook: the module has another name than the one for --import."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("notebook", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def linked(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "{}"
        file["model_weights"] = h5py.ExternalLink("elsewhere.h5", "/secret")
    return path


def outside(path: Path) -> Path:
    (path.parent / "secret.bin").write_bytes(bytes(8))
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "{}"
        file.create_dataset("w", (2,), "f4", external=[(str(path.parent / "secret.bin"), 0, 8)])
    return path


def outside_of_a_zip(path: Path) -> Path:
    """The same in the weights of a `.keras` file."""
    keras.Sequential([keras.Input((2,)), layers.Dense(2)]).save(path.with_suffix(".keras"))
    with zipfile.ZipFile(path.with_suffix(".keras")) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            weights = linked(path.with_suffix(".weights")).read_bytes()
            target.writestr(name, weights if name.endswith(".h5") else source.read(name))
    return path


class Filling(tf.lookup.KeyValueTensorInitializer):  # type: ignore[misc]
    """A table that writes a file when it fills itself, which happens when the model is loaded."""

    def initialize(self, table: Any) -> Any:
        with tf.control_dependencies([tf.io.write_file("written-by-a-table.txt", "written")]):
            return super().initialize(table)


class WithTable(tf.Module):  # type: ignore[misc]
    """A model that looks its rows up."""

    def __init__(self) -> None:
        super().__init__()
        words = Filling(tf.constant(["red"]), tf.constant([1], tf.int64))
        self.table = tf.lookup.StaticHashTable(words, 0)

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.string, "colour")])  # type: ignore[untyped-decorator]
    def __call__(self, colour: tf.Tensor) -> tf.Tensor:
        return tf.one_hot(self.table.lookup(colour)[:, 0], 2)


def test_a_saved_model_whose_table_would_write_a_file_is_refused_unloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = WithTable()
    tf.saved_model.save(module, "saved", signatures=module.__call__.get_concrete_function())
    (tmp_path / "written-by-a-table.txt").unlink(missing_ok=True)
    with pytest.raises(ConversionError, match="WriteFile; it was not loaded"):
        load(tmp_path / "saved")
    assert not (tmp_path / "written-by-a-table.txt").exists()


def weights_only(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.create_group("model_weights")
    return path


def lambda_layer(path: Path) -> Path:
    inputs = keras.Input((2,))
    keras.Model(inputs, layers.Lambda(lambda x: x * 2, name="double")(inputs)).save(path)
    return path


def pickled(path: Path) -> Path:
    path.write_bytes(b"\x80\x04K\x01.")
    return path


def empty_folder(path: Path) -> Path:
    path.mkdir()
    return path


def damaged_folder(path: Path) -> Path:
    path.mkdir()
    (path / "saved_model.pb").write_bytes(b"\xff\xff\xff")
    return path


def of_tensorflow_1(path: Path) -> Path:
    path.mkdir()
    (path / "saved_model.pb").write_bytes(b"\x08\x01\x12\x00")
    return path


def without_variables(path: Path) -> Path:
    keras.Sequential([keras.Input((2,)), layers.Dense(2)]).export(path, verbose=False)
    data = next((path / "variables").glob("*.data*"))
    data.write_bytes(data.read_bytes()[:10])
    return path


REFUSED: dict[str, tuple[Any, str]] = {
    "a link to another file": (linked, r"refers to data outside of the file \(/model_weights\)"),
    "data in another file": (outside, r"refers to data outside of the file \(/w\)"),
    "a link in the weights of a zip": (outside_of_a_zip, r"refers to data outside of the file \(/model_weights\)"),
    "weights only": (weights_only, "has weights without a model; save the whole model"),
    "a Lambda layer": (lambda_layer, r"Lambda layers \(double\)"),
    "a pickle": (pickled, "is a pickle, which runs code"),
    "an empty folder": (empty_folder, "is a folder without saved_model.pb"),
    "a damaged folder": (damaged_folder, r"saved_model\.pb is damaged"),
    "a damaged checkpoint": (without_variables, "cannot be loaded .*export the model again"),
    "TensorFlow 1": (of_tensorflow_1, "is a SavedModel of TensorFlow 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_is_no_model_or_not_a_safe_one_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    build, said = REFUSED[case]
    with pytest.raises((ConversionError, InputError), match=said) as raised:
        load(build(tmp_path / "mine.h5"))
    assert "\n" not in str(raised.value)
