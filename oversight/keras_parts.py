"""Imports TensorFlow only when a command needs it, without its noise, and with a clear error if it is missing.

with tensorflow_in_quiet():
    from training.fit import train as fit
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from contract.distribution import how_to_install
from contract.errors import InputError


@contextmanager
def tensorflow_in_quiet() -> Iterator[None]:
    """Silence standard error during imports: TensorFlow's native code writes there before its log level applies.

    Raises:
        InputError: TensorFlow or another package of the extra `train` is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    sys.stderr.flush()
    original = os.dup(2)
    devnull = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(devnull, 2)
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "tensorflow").split(".")[0]
        raise InputError(
            f"this command needs the package {package!r}, which is not installed; {how_to_install('train')}"
        ) from None
    finally:
        os.dup2(original, 2)
        os.close(original)
        os.close(devnull)
