"""Ignore warnings from inside Keras; every other warning stays an error."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
KERAS_ARRAY = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras.*"
"""Keras 3.15 converts TensorFlow's tensors to NumPy arrays; the tensors do not support NumPy 2's `copy` yet."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ignore that warning in the tests of this folder."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(KERAS_ARRAY))
