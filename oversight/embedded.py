"""The embedded engine: `noida-db`, one small binary that speaks Elasticsearch's REST API. For the demo and the tests.

Its Python launcher leaves the engine running when it is ended, so the binary is started itself and its own pid is kept.
"""

from __future__ import annotations

from pathlib import Path

import psutil

from contract.distribution import install_command
from contract.errors import EngineUnavailableError, SettingsError
from oversight.children import Children, answers
from oversight.ports import free_port

START_WAIT_S = 15.0
TRIES = 3
"""A port that was free can be taken before the engine binds it; then another is tried."""


def binary() -> Path:
    """The engine's program.

    Raises:
        SettingsError: the package is not installed.
    """
    try:
        import noida_db
    except ImportError:
        raise SettingsError(
            f"the embedded engine is not installed; run `make demo`, or {install_command('embedded')}"
        ) from None
    return Path(noida_db.__file__).parent / "noida-db"


def start(children: Children) -> tuple[psutil.Popen, str]:
    """Start an engine on a free port, its data in the folder of `children`; returns the process and its address.

    Raises:
        EngineUnavailableError: it does not come up; names its log.
    """
    log = children.folder / "engine.log"
    for _ in range(TRIES):
        port = free_port()
        command = [str(binary()), "start", "--only", "elasticsearch", "--elasticsearch-port", str(port)]
        engine = children.start([*command, "--data-dir", str(children.folder / "engine")], log=log)
        url = f"http://127.0.0.1:{port}"
        if answers(url, engine, within_s=START_WAIT_S):
            return engine, url
        children.stop(engine)
    raise EngineUnavailableError(f"the embedded engine does not start; its own words are in {log}")
