"""Imports the parts from where Oversight is installed, whatever the user has on `sys.path`.

Their names are common ones (`common`, `console`, `training`). `python -m oversight` and PYTHONPATH put the user's
folders before the installed packages. Without this module, Python would import a package `common` from such a folder.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

OURS = frozenset(
    (
        "common",
        "console",
        "contract",
        "converter",
        "enrich_service",
        "es_pipelines",
        "kibana",
        "sensor",
        "training",
        "watcher",
    )
)
"""Packages beside this one."""
HOME = str(Path(__file__).resolve().parents[1])


class OursFirst(MetaPathFinder):
    """Finds our own packages beside this one, before `sys.path` is searched."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find one of our packages; None for any other module."""
        return PathFinder.find_spec(fullname, [HOME], target) if fullname in OURS else None


def find_ours_first() -> None:
    """Make this process import our packages from beside this one."""
    sys.meta_path.insert(0, OursFirst())
