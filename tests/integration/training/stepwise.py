"""Training without the compiling of its loops, which costs most of the time on a few rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def uncompiled() -> Iterator[None]:
    """Run TensorFlow's functions step by step: the same steps, quicker where there are only a few."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)
