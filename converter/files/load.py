"""Load a model file of any form that the converter takes.

.keras (zip) ─▶ keras_file        HDF5 ─▶ hdf5        folder with saved_model.pb ─▶ saved_model
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras

from contract.errors import ConversionError, InputError
from converter import keras_file
from converter.export.tensor_model import TensorModel
from converter.files import hdf5, saved_model
from converter.files.custom_code import custom_objects


def load(path: Path, modules: Sequence[str] = ()) -> keras.Model | TensorModel:
    """Load the model, whatever its form. The content decides, not the ending of the name.

    Args:
        path: a file or folder.
        modules: the author's own modules, whose classes the model uses.
    Raises:
        InputError: it cannot be read, or a module cannot be imported.
        ConversionError: it is no model, or not one that can be loaded safely.
    """
    custom = custom_objects(modules)
    if path.is_dir():
        return saved_model.load(path)
    try:
        with path.open("rb") as file:
            start = file.read(len(hdf5.MAGIC))
    except OSError as error:
        raise InputError(
            f"cannot read {path} ({error.strerror or error}); name a .keras or .h5 file, or the folder of a SavedModel"
        ) from None
    if start == hdf5.MAGIC:
        return hdf5.load(path, custom)
    if path.name == saved_model.FILE:
        raise ConversionError(f"{path} is part of a SavedModel; name its folder {path.parent}")
    if start.startswith(b"\x80"):
        raise ConversionError(
            f"{path} is a pickle, which runs code when it is loaded; save the model with model.save(), or export it to "
            f"ONNX"
        )
    return keras_file.load(path, custom)
