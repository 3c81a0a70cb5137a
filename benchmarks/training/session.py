"""Reset Keras between two trainings in one process."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf


def start_afresh() -> None:
    """Forget earlier models, so that their memory is free, and silence the warning that there were several."""
    keras.utils.clear_session()
    tf.get_logger().setLevel("ERROR")


def versions() -> dict[str, str]:
    """Versions of the libraries that decide the result of a training."""
    return {"keras": keras.__version__, "numpy": np.__version__, "tensorflow": tf.__version__}
