"""A small registry of images on loopback: Debian's docker-registry."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from oversight.demo.ports import free_port
from tests import guardian
from tests.servers import stop
from tests.waiting import WAIT_S, wait_until


@contextlib.contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Yield HOST:PORT of an empty registry, which Docker reaches without TLS because it is on loopback."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("no docker-registry: install it")
    address = f"127.0.0.1:{free_port()}"
    settings = folder / "registry.yml"
    lines = ["version: 0.1", "log: {level: warn}", f"storage: {{filesystem: {{rootdirectory: {folder}/images}}}}"]
    settings.write_text("\n".join([*lines, f"http: {{addr: '{address}'}}", ""]), encoding="utf-8")
    environment = {**os.environ, guardian.OWNER: guardian.RUN}
    with (folder / "registry.log").open("wb") as log:
        process = psutil.Popen([program, "serve", settings], stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        wait_until(lambda: _answers(address), "the registry")
        yield address
    finally:
        stop(process)


def _answers(address: str) -> bool:
    with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(f"http://{address}/v2/", timeout=WAIT_S):
        return True
    return False
