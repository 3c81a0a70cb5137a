"""Files that are no model, or that contain code: one clear line each, and none of their code runs."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import keras
import pytest
from keras import layers

from contract.errors import ConversionError, InputError, OversightError
from converter.files.load import load
from tests.integration.converter.models import one_input


def saved(model: keras.Model, path: Path) -> Path:
    model.save(path)
    return path


def test_a_saved_model_predicts_as_before(tmp_path: Path) -> None:
    """It is compiled with a loss that is not in the file, which matters only for training."""

    def own_loss(truth: object, answer: object) -> object:
        return keras.ops.mean(keras.ops.subtract(truth, answer))

    model = one_input()
    model.compile(loss=own_loss)
    loaded = load(saved(model, tmp_path / "model.keras"))
    assert isinstance(loaded, keras.Model)
    rows = [[1.0, 2.0, 3.0, 1.0, 0.5]]
    assert keras.ops.convert_to_numpy(loaded(keras.ops.array(rows))) == pytest.approx(
        keras.ops.convert_to_numpy(model(keras.ops.array(rows)))
    )


def test_a_lambda_layer_is_refused_by_name_and_its_code_is_not_run(tmp_path: Path) -> None:
    """To load it would run any code of the file's author."""
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Lambda(lambda x: x * 2, name="double")(inputs))
    with pytest.raises(ConversionError, match=r"Lambda layers \(double\).*keras\.ops"):
        load(saved(model, tmp_path / "model.keras"))


def test_a_class_that_is_not_in_the_file_is_refused_by_name(tmp_path: Path) -> None:
    """Registered or not."""

    class Scale(layers.Layer):  # type: ignore[misc]
        def call(self, inputs: object) -> object:
            return inputs

    registered = keras.saving.register_keras_serializable("elsewhere")(type("Twice", (Scale,), {}))
    for kind, name in ((Scale, "Scale"), (registered, "Twice")):
        inputs = keras.Input((3,))
        with pytest.raises(ConversionError, match=rf"custom code \({name}\)"):
            load(saved(keras.Model(inputs, kind()(inputs)), tmp_path / f"{name}.keras"))


def test_a_function_that_is_not_in_the_file_is_refused_by_name(tmp_path: Path) -> None:
    """For example, a user's own activation."""

    def swoosh(x: object) -> object:
        return x

    inputs = keras.Input((3,))
    with pytest.raises(ConversionError, match=r"custom code \(swoosh\)"):
        load(saved(keras.Model(inputs, layers.Dense(2, activation=swoosh)(inputs)), tmp_path / "model.keras"))


def archive(path: Path, content: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as target:
        for name, text in content.items():
            target.writestr(name, text)
    return path


def test_a_file_that_is_no_keras_model_is_refused(tmp_path: Path) -> None:
    """Text, HDF5, another zip file, a config that is no model, a folder, a missing file."""
    text, hdf5 = tmp_path / "text.keras", tmp_path / "old.h5"
    text.write_text("not a model")
    hdf5.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    config = json.dumps(
        {"module": "keras.layers", "class_name": "Dense", "config": {"units": 2}, "registered_name": None}
    )
    wrong: list[tuple[Path, type[OversightError], str]] = [
        (text, ConversionError, "is not a Keras model"),
        (hdf5, ConversionError, "is a damaged HDF5 file"),
        (archive(tmp_path / "zip.keras", {"a": "b"}), ConversionError, "is not a Keras model"),
        (archive(tmp_path / "bad.keras", {"config.json": "{"}), ConversionError, "is not a Keras model"),
        (
            archive(tmp_path / "layer.keras", {"config.json": config}),
            ConversionError,
            "cannot be loaded|expected a Keras model",
        ),
        (tmp_path, InputError, "a folder without saved_model.pb"),
        (tmp_path / "none.keras", InputError, "No such file"),
    ]
    for path, kind, words in wrong:
        with pytest.raises(kind, match=words) as raised:
            load(path)
        assert "\n" not in str(raised.value)


def test_a_file_without_its_weights_is_refused(tmp_path: Path) -> None:
    """A truncated copy, or one that was unpacked and packed again by hand."""
    whole = saved(one_input(), tmp_path / "whole.keras")
    with zipfile.ZipFile(whole) as source:
        parts = {name: source.read(name).decode() for name in source.namelist() if not name.endswith(".h5")}
    with pytest.raises(ConversionError, match="cannot be loaded by Keras"):
        load(archive(tmp_path / "part.keras", parts))
