"""Modules that the service's parent process must not import before it forks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.waiting import WAIT_S


@pytest.mark.parametrize(
    "module", ["enrich_service.server", "enrich_service.model.model_file", "oversight.commands.serve"]
)
def test_the_parent_never_imports_onnx_runtime(module: str) -> None:
    """Its import starts a thread; a child forked after that waits for the thread for ever when it exits."""
    code = f"import sys, {module}; print([name for name in ('onnxruntime', 'numpy', 'flask') if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=WAIT_S, check=True)
    assert ended.stdout.strip() == "[]"
