"""A model that the artifact's guard accepts opens no other file. The long form is in benchmarks/artifact."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.conftest import ROOT
from tests.waiting import WAIT_S

SECONDS = 6


def test_onnx_runtime_reads_no_other_file_of_a_model_that_the_guard_accepts() -> None:
    """Loads thousands of models that name a file in odd ways with ONNX Runtime itself."""
    command = [sys.executable, "-m", "benchmarks.artifact.guard_fuzz", "--seconds", str(SECONDS), "--seed", "20"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False, cwd=ROOT)
    result = json.loads(done.stdout)
    assert done.returncode == 0, result["holes"]
    counts = result["counts"]
    assert counts["accepted"] > 0, "the guard rejects every changed model, so nothing was tested"
    assert counts["refused (not plain), and ONNX Runtime reads the file"] > 0, "no change would have fooled a reader"
