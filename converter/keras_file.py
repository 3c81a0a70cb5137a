"""Load a `.keras` file that anyone may have made, without ever running code from it. Save one atomically.

model.keras (zip) ─▶ search config.json for what cannot be exported ─▶ keras.saving.load_model, safe mode
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from common import atomic_file
from contract.errors import ConversionError, InputError

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
LAMBDA_LAYER, LAMBDA = "Lambda", "__lambda__"
"""Objects that contain Python code. Only Python could run it, and loading it would run anyone's code."""


def load(path: Path) -> keras.Model:
    """Load the model from a file.

    Raises:
        InputError: the file cannot be read.
        ConversionError: it is no Keras 3 model, or has layers that cannot be loaded safely (names them).
    """
    refuse_code(read_config(path), path)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise ConversionError(
            f"{path} cannot be loaded by Keras {keras.__version__} ({first_line(error)}); save it again with "
            "that version"
        ) from None
    if not isinstance(model, keras.Model):
        raise ConversionError(f"{path} contains a {type(model).__name__}, expected a Keras model")
    return model


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
        with path.open("rb") as raw:
            if raw.read(len(HDF5_MAGIC)) == HDF5_MAGIC:
                raise ConversionError(
                    f"{path} is HDF5, a format that can contain code; load it where it was created and save it as a "
                    f".keras file"
                )
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("config.json"))
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror or error}); name a .keras file") from None
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ConversionError(
            f"{path} is not a Keras model ({error}); expected a .keras file written by model.save()"
        ) from None


def refuse_code(config: Any, path: Path) -> None:
    """Refuse layers that are code, and classes that the file does not contain.

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
    custom = sorted({item.name if item.kind == "function" else item.kind for item in objects if item.custom})
    if custom:
        raise ConversionError(
            f"{path} uses custom code ({', '.join(custom)}), which is not in the file; "
            f"replace it with Keras layers or keras.ops and save the model again"
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
