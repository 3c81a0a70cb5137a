"""Orders long test files first: pytest-xdist assigns whole files, and a long file that starts last delays the run.

Leaves out the tests of containers unless `-m` names their mark: a stack needs fixed ports and the machine's memory for
itself.
"""

from __future__ import annotations

import pytest

LONG = (
    "tests/acceptance/test_unusual_indices.py",
    "tests/integration/training/test_retrain.py",
    "tests/acceptance/test_wheel.py",
    "tests/acceptance/test_sense.py",
    "tests/faults/test_node.py",
    "tests/acceptance/test_demo.py",
    "tests/integration/training/test_commands.py",
    "tests/acceptance/test_three_commands.py",
    "tests/integration/training/test_train.py",
    "tests/integration/enrich_service/http/test_weight.py",
    "tests/faults/test_killed.py",
    "tests/acceptance/test_examples.py",
    "tests/faults/test_many.py",
    "tests/integration/docker/test_transport.py",
    "tests/acceptance/test_columns.py",
    "tests/faults/test_large.py",
    "tests/faults/test_connections.py",
    "tests/acceptance/test_missing_columns.py",
    "tests/integration/test_guardian.py",
    "tests/acceptance/test_another_model.py",
    "tests/acceptance/test_analyst_commands.py",
    "tests/integration/es_pipelines/security/test_roles.py",
    "tests/golden/test_pipelines.py",
    "tests/integration/training/test_shipped_parity.py",
    "tests/acceptance/test_any_file.py",
    "tests/integration/console/test_browser.py",
    "tests/integration/enrich_service/versions/test_switch.py",
    "tests/integration/console/test_pictures.py",
    "tests/integration/converter/test_files.py",
)
"""By measured time, the longest first. `--no-loadscope-reorder` keeps pytest-xdist from reordering the files."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of containers, and sort the others."""
    for mark in ("docker", "stack"):
        if mark in config.option.markexpr:
            continue
        left_out = [item for item in items if item.get_closest_marker(mark)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    sort(items)


def sort(items: list[pytest.Item]) -> None:
    """Sort the files of LONG first. Other files, and the tests of a file, stay in pytest-randomly's order."""
    position = {file: number for number, file in enumerate(LONG)}
    items.sort(key=lambda item: position.get(item.nodeid.partition("::")[0], len(LONG)))
