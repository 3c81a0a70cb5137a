"""Load an HDF5 file of Keras 3 or Keras 2, without running code from it.

model.h5 ─▶ refuse links to other files ─▶ search model_config for code ─▶ keras.saving.load_model, safe mode
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import keras

from contract.errors import ConversionError
from converter.files.half_precision import in_single_precision
from converter.files.outside_data import refuse_outside_data
from converter.keras_file import load_with_keras, refuse_code

MAGIC = b"\x89HDF\r\n\x1a\n"
CONFIG = "model_config"


def load(path: Path, custom: Mapping[str, Any] | None = None) -> keras.Model:
    """Load the model from an HDF5 file.

    Raises:
        ConversionError: the file is damaged, holds weights only, refers to other files, or needs code that it lacks.
    """
    config = _config(path)
    refuse_code(config, path, custom or {})
    with tempfile.TemporaryDirectory(prefix="oversight-convert-") as folder:
        copy = Path(folder) / "model.h5"  # Keras decides by the ending
        shutil.copyfile(path, copy)
        single = in_single_precision(config)
        if single is not None:
            with h5py.File(copy, "r+") as file:
                file.attrs[CONFIG] = json.dumps(single)
        return load_with_keras(copy, path, custom)


def _config(path: Path) -> Any:
    try:
        with h5py.File(path, "r") as file:
            refuse_outside_data(file, path)
            text = file.attrs.get(CONFIG)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise ConversionError(f"{path} is a damaged HDF5 file ({_line(error)}); save the model again") from None
    if text is None:
        raise ConversionError(f"{path} has weights without a model; save the whole model with model.save()")
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConversionError(f"{path}: {CONFIG} is not JSON ({error}); save the model again") from None


def _line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
