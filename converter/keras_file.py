"""Load a `.keras` file that anyone may have made, without ever running code from it. Save one atomically.

model.keras (zip) ─▶ search config.json for what cannot be exported ─▶ keras.saving.load_model, safe mode
"""

from __future__ import annotations

import io
import json
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras

from common import atomic_file
from contract.errors import ConversionError, InputError
from contract.onnx.reader import MAX_MODEL_BYTES
from converter.files.half_precision import in_single_precision
from converter.files.outside_data import refuse_outside_data

MOST_BYTES = 4 * MAX_MODEL_BYTES
"""The optimizer's state takes up to three times as much as the weights, and is not served."""
CONFIG, METADATA = "config.json", "metadata.json"
LAMBDA_LAYER, LAMBDA = "Lambda", "__lambda__"
"""Objects that contain Python code. Only Python could run it, and loading it would run anyone's code."""


def load(path: Path, custom: Mapping[str, Any] | None = None) -> keras.Model:
    """Load the model from a file.

    Args:
        path: a `.keras` file.
        custom: the author's own classes and functions, by the names that the file uses.
    Raises:
        InputError: the file cannot be read.
        ConversionError: it is no Keras 3 model, or has layers that cannot be loaded safely (names them).
    """
    config = read_config(path)
    refuse_code(config, path, custom or {})
    with _with_config(path, in_single_precision(config)) as readable:
        return load_with_keras(readable, path, custom)


def load_with_keras(readable: Path, path: Path, custom: Mapping[str, Any] | None) -> keras.Model:
    """Let Keras load a file that was searched for code.

    Args:
        readable: the file to load, perhaps a changed copy.
        path: the file that the message names.
        custom: the author's own classes and functions.
    Raises:
        ConversionError: Keras cannot load it.
    """
    try:
        with keras.saving.custom_object_scope(dict(custom or {})), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about arguments of older versions, which still work
            model = keras.saving.load_model(readable, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, AttributeError, OSError, ImportError, RuntimeError) as error:
        raise ConversionError(
            f"{path} cannot be loaded by Keras {keras.__version__} ({first_line(error)}); save it again with "
            "that version"
        ) from None
    if not isinstance(model, keras.Model):
        raise ConversionError(f"{path} contains a {type(model).__name__}, expected a Keras model")
    return model


@contextmanager
def _with_config(path: Path, config: Any | None) -> Iterator[Path]:
    """The file itself, or a copy of it with another configuration."""
    if config is None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="oversight-convert-") as folder:
        copy = Path(folder) / "model.keras"
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
            for item in source.infolist():
                content = json.dumps(config).encode() if item.filename == CONFIG else source.read(item)
                target.writestr(item.filename, content)
        yield copy


def save(model: keras.Model, path: Path) -> None:
    """Save a model atomically; `path` ends in .keras.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        with atomic_file.draft(path, suffix=".keras") as draft:
            model.save(draft)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror or error}); choose another path") from None


def read_config(path: Path) -> Any:
    """The model's architecture as the file describes it, read without Keras."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            metadata = json.loads(archive.read(METADATA)) if METADATA in names else {}
            config = json.loads(archive.read(CONFIG))
            _check_weights(archive, path)
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror or error}); name a .keras file") from None
    except (zipfile.BadZipFile, KeyError, ValueError, RuntimeError, NotImplementedError) as error:
        raise ConversionError(
            f"{path} is not a Keras model ({error}); expected a .keras file written by model.save()"
        ) from None
    version = str(metadata.get("keras_version", "")) if isinstance(metadata, dict) else ""
    if version.startswith("2."):
        raise ConversionError(
            f"{path} was saved by Keras {version}, whose .keras files Keras 3 cannot load; write it again with "
            f'`pip install tf_keras` and `python -c "import tf_keras; '
            f'tf_keras.models.load_model({path.name!r}, compile=False).save({path.stem + ".h5"!r})"` '
            f"(with .export({path.stem!r}) if it has look-up layers), and convert that"
        )
    return config


def _check_weights(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse weights that are too large to be served, or outside of the file."""
    total = sum(item.file_size for item in archive.infolist())
    if total > MOST_BYTES:
        raise ConversionError(f"{path} unpacks to {total:,} bytes, expected {MOST_BYTES:,} at most")
    for name in archive.namelist():
        if name.endswith(".h5"):
            with h5py.File(io.BytesIO(archive.read(name)), "r") as weights:
                refuse_outside_data(weights, path)


def refuse_code(config: Any, path: Path, custom: Mapping[str, Any]) -> None:
    """Refuse layers that are code, and classes that neither the file nor the author's modules contain.

    Raises:
        ConversionError: names the layers or classes.
    """
    objects = list(_objects(config))
    code = sorted({item.name for item in objects if item.kind == LAMBDA_LAYER})
    code = code or sorted({"an unnamed function" for item in objects if item.kind == LAMBDA})
    if code:
        raise ConversionError(
            f"{path} has Lambda layers ({', '.join(code)}), which are Python code and cannot become ONNX; "
            f"replace them with Keras layers or keras.ops and save the model again"
        )
    own = {item.name if item.kind == "function" else item.kind for item in objects if item.custom}
    unknown = sorted({name.rpartition(">")[2] for name in own} - custom.keys())
    if unknown:
        raise ConversionError(
            f"{path} uses custom code ({', '.join(unknown)}), which is not in the file; name your module that has it "
            f"with --import MODULE, or replace it with Keras layers or keras.ops and save the model again"
        )


@dataclass(frozen=True, slots=True)
class _Object:
    """An object in a model's configuration."""

    kind: str
    name: str
    custom: bool
    """Neither Keras's own nor a plain value."""


def _objects(config: Any) -> Iterator[_Object]:
    """Every object in a configuration. Skips how the model was compiled, which only matters for training."""
    if isinstance(config, list):
        for value in config:
            yield from _objects(value)
    if not isinstance(config, dict):
        return
    kind, inner = config.get("class_name"), config.get("config")
    if isinstance(kind, str):
        name = inner if isinstance(inner, str) else inner.get("name", kind) if isinstance(inner, dict) else kind
        module = config.get("module", "keras")
        registered = module is None and config.get("registered_name") is not None
        yield _Object(kind, str(name), registered or not str(module or "keras").startswith("keras"))
    for key, value in config.items():
        if key != "compile_config":
            yield from _objects(value)


def first_line(error: Exception) -> str:
    """A library's error message, on one line."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
