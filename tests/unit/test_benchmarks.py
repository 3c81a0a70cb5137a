"""What benchmarks of the enrich service rely on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.enrich_service.load.processes import server_core
from tests.conftest import ROOT

AFTER_MOVING = """
import os
from benchmarks.enrich_service.load import processes
processes.keep_off_the_servers()
print(processes.server_core(), *os.sched_getaffinity(0))
"""


def test_the_servers_keep_their_core_when_the_load_leaves_it() -> None:
    """Otherwise server and load share one core, and the rates of a run say little."""
    if server_core() is None:
        pytest.skip("this machine has one core")
    run = subprocess.run([sys.executable, "-c", AFTER_MOVING], cwd=ROOT, capture_output=True, text=True, check=True)
    core, *cores_of_the_load = run.stdout.split()
    assert core == str(server_core())
    assert core not in cores_of_the_load
