"""ONNX Runtime sends no usage data: its packages do so unless a variable is set before it starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

VARIABLE = "ORT_DISABLE_TELEMETRY"
SHOW = f"import json, os, oversight.cli; print(json.dumps(os.environ['{VARIABLE}']))"


@pytest.mark.parametrize(("set_by_user", "expected"), [(None, "1"), ("0", "0")])
def test_a_command_turns_the_telemetry_off_unless_the_user_set_it(set_by_user: str | None, expected: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    environment |= {} if set_by_user is None else {VARIABLE: set_by_user}
    shown = subprocess.run([sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(shown.stdout) == expected


def test_the_installed_onnx_runtime_knows_the_variable() -> None:
    """Versions before 1.29 have no telemetry on Linux. A later one that renames the variable fails here."""
    spec = find_spec("onnxruntime")
    assert spec
    assert spec.origin
    folder = Path(spec.origin).parent
    if "telemetry SDK" not in (folder / "Privacy.md").read_text("utf-8"):
        return
    libraries = list((folder / "capi").glob("onnxruntime_pybind11_state*"))
    assert libraries
    assert all(VARIABLE.encode() in library.read_bytes() for library in libraries)
