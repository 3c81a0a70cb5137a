"""The embedded engine: `noida-db`, one small binary that speaks Elasticsearch's REST API. For the demo and the tests.

The package names no author and no source, so nobody outside can check what the program does. It runs confined
(`oversight.demo.confined`), with data that may be lost, and is in no serving install. None of its Python code runs: its
launcher leaves the engine running when it is ended, so the binary is started itself and its own pid is kept.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import psutil

from contract.distribution import install_command
from contract.errors import EngineUnavailableError, SettingsError
from oversight.demo.children import Children, answers
from oversight.demo.ports import free_port

START_WAIT_S = 60.0
"""A busy machine needs longer than the second that a start takes. A process that ends is not waited for."""
TRIES = 3
"""A port that was free can be taken before the engine binds it; then another is tried."""


def binary() -> Path:
    """The engine's program.

    Raises:
        SettingsError: the package is not installed.
    """
    package = importlib.util.find_spec("noida_db")  # finds it and runs nothing of it
    if package is None or package.origin is None:
        raise SettingsError(
            f"the embedded engine is not installed; run `{install_command('embedded')}`, or in a source checkout "
            f"`make demo`"
        )
    return Path(package.origin).with_name("noida-db")


def start(children: Children) -> tuple[psutil.Popen, str]:
    """Start an engine on a free port, its data in the folder of `children`; returns the process and its address.

    Raises:
        EngineUnavailableError: it does not come up; names its log.
    """
    log, folder = children.folder / "engine.log", children.folder / "engine"
    folder.mkdir(exist_ok=True)
    for _ in range(TRIES):
        port = free_port()
        confined = [sys.executable, "-m", "oversight.demo.confined", str(port), str(folder)]
        serve = ["start", "--only", "elasticsearch", "--host", "127.0.0.1", "--elasticsearch-port", str(port)]
        engine = children.start([*confined, str(binary()), *serve, "--data-dir", str(folder)], log=log)
        url = f"http://127.0.0.1:{port}"
        if answers(url, engine, within_s=START_WAIT_S):
            return engine, url
        children.stop(engine)
    raise EngineUnavailableError(f"the embedded engine does not start; see its log {log}")
