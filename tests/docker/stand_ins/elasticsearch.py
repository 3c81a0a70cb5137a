"""Runs in the stand-in for Elasticsearch's container: two real engines behind one address.

    :9200 with TLS ──▶ tests/router.py ──▶ Elasticsearch with security, for /_security and to check passwords and keys
                                       └─▶ OpenSearch, for everything else

The password, the certificates, the folder of the data and the settings of the transport layer are those of the compose
file. The container ends when one of the engines ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.router import routed

START, STOP = Path("/opt/realengine/start.sh"), Path("/opt/realengine/stop.sh")
DATA = Path("/usr/share/elasticsearch/data")
CONFIG = Path(os.environ["ES_PATH_CONF"])
PORTS = {"opensearch": 9201, "elasticsearch": 9202}
LOOK_S = 1.0
ADDRESS = ("0.0.0.0", 9200)  # noqa: S104  only other containers reach it


def main() -> None:
    """Start both engines, serve until SIGTERM or until an engine ends, and stop them."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    starting = [_start(engine) for engine in PORTS]
    try:
        if any(process.wait() for process in starting):
            sys.exit("an engine did not start")
        first, second = (f"http://127.0.0.1:{port}" for port in PORTS.values())
        with routed(first, second, certificates=CONFIG / "certs", address=ADDRESS, sign_in=True):
            sys.stdout.write("both engines are ready\n")
            while not ended.wait(LOOK_S):
                if not all(_runs(DATA / engine) for engine in PORTS):
                    sys.exit("an engine ended")
    finally:
        for stopping in [subprocess.Popen([STOP, DATA / engine]) for engine in PORTS]:
            stopping.wait()


def _start(engine: str) -> subprocess.Popen[bytes]:
    folder = DATA / engine
    folder.mkdir(exist_ok=True)
    for file in (
        *folder.glob("*.pid"),
        *folder.glob("*.began"),
    ):  # of an earlier container, whose pids mean nothing here
        file.unlink()
    environment = {**os.environ, "ENGINE": engine}
    if engine == "elasticsearch":
        environment |= {"SECURITY": "1", "NODE_SETTINGS": _settings(folder)}
    return subprocess.Popen([START, str(PORTS[engine]), folder], env=environment)


def _settings(folder: Path) -> str:
    """Return the settings of the transport layer. Their certificates are below the node's own configuration."""
    certificates = folder / "config" / "certs"
    shutil.rmtree(certificates, ignore_errors=True)
    shutil.copytree(CONFIG / "certs", certificates)
    prefixes = ("transport.", "xpack.security.transport.")
    return "\n".join(f'{name}: "{value}"' for name, value in os.environ.items() if name.startswith(prefixes))


def _runs(folder: Path) -> bool:
    pid = (folder / "node.pid").read_text(encoding="utf-8").strip()
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    main()
