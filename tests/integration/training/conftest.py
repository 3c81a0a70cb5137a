"""Keras's own warnings are ignored, because we cannot fix them; every other warning stays an error."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
KERAS_ARRAY = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras.*"
"""Keras 3.15 makes NumPy arrays of TensorFlow's tensors, which do not know NumPy 2's `copy` yet."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ignore them in the tests of this folder."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(KERAS_ARRAY))
