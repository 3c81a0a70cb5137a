"""Training without compiling its loops: compiling takes most of the time if there are few rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def uncompiled() -> Iterator[None]:
    """Run TensorFlow's functions step by step: the same steps, but faster if there are few."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)
