"""Import the author's own modules, so that Keras finds their classes and functions by name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from contract.errors import InputError


def custom_objects(modules: Sequence[str]) -> dict[str, Any]:
    """The classes and functions of these modules, and what they register with Keras.

    A model file never says which module to import; only the person at the command line does.

    Raises:
        InputError: a module cannot be imported.
    """
    found: dict[str, Any] = {}
    for name in modules:
        module = _imported(name)
        found |= {key: value for key, value in vars(module).items() if callable(value) and not key.startswith("_")}
    if modules:
        registered = keras.saving.get_custom_objects()
        found |= registered | {key.rpartition(">")[2]: value for key, value in registered.items()}
    return found


def _imported(name: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - the module may raise anything
        raise InputError(
            f"--import {name} failed ({type(error).__name__}: {' '.join(str(error).split())[:200]}); name a module in "
            f"this folder or an installed one, without .py"
        ) from None
