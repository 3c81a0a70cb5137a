"""The embedded engine for the demo and the tests: `noida-db`, one small binary with Elasticsearch's REST API.

The package names no author and no source, so we cannot check what the program does. It runs confined
(`oversight.demo.confined`) on data that may be lost, and no serving install includes it. None of its Python code runs.
Its launcher leaves the engine running when the launcher ends, so we start the binary itself and keep its pid.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import psutil

from contract.distribution import how_to_install
from contract.errors import EngineUnavailableError, SettingsError
from oversight.demo.children import Children, HttpServer


def binary() -> Path:
    """Return the path of the engine's program.

    Raises:
        SettingsError: the package is not installed.
    """
    package = importlib.util.find_spec("noida_db")  # finds the package without running its code
    if package is None or package.origin is None:
        raise SettingsError(f"the embedded engine is not installed; {how_to_install('embedded')}")
    return Path(package.origin).with_name("noida-db")


def start(children: Children, *, port: int | None = None) -> tuple[psutil.Popen, str]:
    """Start an engine with its data in the folder of `children`. Return the process and its address.

    Args:
        children: the processes of the run.
        port: where it listens; None uses a free port.
    Raises:
        EngineUnavailableError: it does not start; names its log.
    """
    log, folder = children.folder / "engine.log", children.folder / "engine"
    folder.mkdir(exist_ok=True)

    def on_port(port: int) -> psutil.Popen:
        confined = [sys.executable, "-m", "oversight.demo.confined", str(port), str(folder)]
        serve = ["start", "--only", "elasticsearch", "--host", "127.0.0.1", "--elasticsearch-port", str(port)]
        return children.start([*confined, str(binary()), *serve, "--data-dir", str(folder)], log=log)

    engine = HttpServer(children, on_port, "/", port=port)
    if not engine.wait():
        raise EngineUnavailableError(f"the embedded engine does not start; see its log {log}")
    return engine.process, engine.url
