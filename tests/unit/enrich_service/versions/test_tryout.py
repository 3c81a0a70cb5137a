"""A model is first opened in a separate process: its result, and its time limit."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import psutil
import pytest
from onnx import TensorProto, helper, numpy_helper

from contract.errors import ArtifactError
from enrich_service.model.model_file import read
from enrich_service.versions.tryout import TryOut, try_out
from tests.artifacts import TURBINE, turbine_graph, write_model
from tests.conftest import ROOT
from tests.waiting import WAIT_S

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process:DeprecationWarning"
)  # a trial forks, and Python 3.12 warns if there are threads


def endless_graph() -> onnx.GraphProto:
    """The turbine model, which counts to 10^15 before it computes an output."""
    graph = turbine_graph()
    i, keep, value = (
        helper.make_tensor_value_info(name, kind, [])
        for name, kind in (("i", TensorProto.INT64), ("keep", TensorProto.BOOL), ("value", TensorProto.FLOAT))
    )
    next_value = helper.make_tensor_value_info("next_value", TensorProto.FLOAT, [])
    go_on = helper.make_tensor_value_info("go_on", TensorProto.BOOL, [])
    body = helper.make_graph(
        [helper.make_node("Sin", ["value"], ["next_value"]), helper.make_node("Identity", ["keep"], ["go_on"])],
        "count",
        [i, keep, value],
        [go_on, next_value],
    )
    graph.initializer.append(numpy_helper.from_array(np.array(10**15, np.int64), "many"))
    graph.node.insert(0, helper.make_node("ReduceSum", ["numeric"], ["start"], keepdims=0))
    graph.node.insert(1, helper.make_node("Loop", ["many", "", "start"], ["counted"], body=body))
    graph.node.insert(2, helper.make_node("Mul", ["counted", "nothing"], ["zero"]))
    graph.initializer.append(numpy_helper.from_array(np.array(0.0, np.float32), "nothing"))
    graph.node[3].input[0] = "moved"
    graph.node.insert(3, helper.make_node("Add", ["numeric", "zero"], ["moved"]))
    return graph


def test_a_working_model_passes(turbine_model: Path) -> None:
    """The log stays empty, and no process is left."""
    before = psutil.Process().children()
    try_out(read(turbine_model))
    assert psutil.Process().children() == before


def test_each_of_several_models_is_judged_on_its_own(turbine_model: Path, tmp_path: Path) -> None:
    """The shadow's fault is not the active model's."""
    other = write_model(tmp_path / "other.onnx", replace(TURBINE, labels=TURBINE.labels[:2]))
    with closing(TryOut([read(turbine_model), read(other)])) as trial:
        fine, bad = trial.wait()
    assert fine is None
    assert "graph and contract do not fit" in str(bad)


def test_a_model_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    """The process of the trial is ended."""
    path = write_model(tmp_path / "endless.onnx", graph=endless_graph())
    before, began_s = psutil.Process().children(), time.monotonic()
    with pytest.raises(ArtifactError, match=r"opening it takes longer than 0.3 s"):
        try_out(read(path), limit_s=0.3)
    assert time.monotonic() - began_s < WAIT_S
    assert psutil.Process().children() == before


def test_a_killed_trial_is_a_refusal(tmp_path: Path) -> None:
    """As the kernel does when memory runs out."""
    path = write_model(tmp_path / "endless.onnx", graph=endless_graph())
    before = set(psutil.Process().children())
    with closing(TryOut([read(path)])) as trial:
        (child,) = set(psutil.Process().children()) - before
        child.kill()
        (problem,) = trial.wait()
    assert "was killed; look at the machine's memory" in str(problem)


def test_an_incompatible_package_is_the_reason(turbine_model: Path, tmp_path: Path) -> None:
    """Converting the model again would not help."""
    package = tmp_path / "onnxruntime"
    package.mkdir()
    (package / "__init__.py").write_text("raise AttributeError('no ModelLoadCanceled\\nhere')\n", encoding="utf-8")
    code = (
        "import sys, pathlib\n"
        "from enrich_service.model.model_file import read\n"
        "from enrich_service.versions.tryout import try_out\n"
        "try_out(read(pathlib.Path(sys.argv[1])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, turbine_model],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.stderr.splitlines()[-1] == (
        f"contract.errors.ArtifactError: {turbine_model}: no model can be opened (AttributeError: no "
        f"ModelLoadCanceled here: an installed package does not fit this version of Oversight); install it again with "
        f"its packages (pip install --upgrade oversight-enrich)"
    )
