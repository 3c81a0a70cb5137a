"""Keras between two trainings in one process."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf


def start_afresh() -> None:
    """Forget earlier models, which else stay in memory; and without a warning that there are several."""
    keras.utils.clear_session()
    tf.get_logger().setLevel("ERROR")


def versions() -> dict[str, str]:
    """Of the libraries that decide what a training gives."""
    return {"keras": keras.__version__, "numpy": np.__version__, "tensorflow": tf.__version__}
