"""If training is stopped half-way, the earlier files stay, byte for byte."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.training.samples import lines, write
from tests.waiting import WAIT_S

BEFORE = {"model.onnx": b"an earlier artifact", "report.json": b"{}", "MODEL_CARD.md": b"# Earlier"}


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_training_leaves_the_earlier_artifact_untouched(stop: signal.Signals, tmp_path: Path) -> None:
    """Terminated or killed: the new files replace the old ones only after everything is trained and checked."""
    data = write(tmp_path / "small.csv", lines(1_200))
    folder = tmp_path / "model"
    folder.mkdir()
    for name, content in BEFORE.items():
        (folder / name).write_bytes(content)
    words = ("train", "--data", str(data), "--output", str(folder))
    # a shell's background job, and so its children, would ignore SIGINT
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{heeds}; from oversight.cli import main; main({list(words)!r})"
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        said = next(line for line in run.stderr if line.startswith(("classifier: epoch", "oversight:")))
        assert said.startswith("classifier: epoch")
        run.send_signal(stop)
        rest = run.stderr.read()
        assert run.wait(timeout=WAIT_S) != 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == BEFORE
    assert "Traceback" not in rest
