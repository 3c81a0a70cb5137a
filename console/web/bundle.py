"""Builds the JavaScript of the charts, Vega and Vega-Lite as one module, from an installed package.

    vl-convert-python ──(in its own process: 1 s, 160 MB)──▶ CACHE/vega-<version>.js ──▶ kept in memory, compressed

It never uses the network. To run it by hand: python -m console.web.bundle FILE
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from common import atomic_file
from contract.distribution import how_to_install
from contract.errors import SettingsError

PACKAGE, MODULE = "vl-convert-python", "vl_convert"
WAIT_S = 60.0
MARK = b"window.vegaEmbed="
"""The end of every complete bundle."""


@dataclass(frozen=True, slots=True)
class Script:
    """A file in both forms in which it is sent."""

    plain: bytes
    gzipped: bytes


class Bundle:
    """Builds the script once and keeps it. Threads share it.

    Args:
        cache: folder that keeps the script for the next start.
    Raises:
        SettingsError: the package to build it from is not installed.
    """

    def __init__(self, cache: Path) -> None:
        if find_spec(MODULE) is None:
            raise SettingsError(
                f"the charts need the package {PACKAGE}, which is not installed; {how_to_install('console')}"
            )
        self.version = metadata.version(PACKAGE)
        self._file = cache / f"vega-{self.version}.js"
        self._lock = threading.Lock()
        self._script: Script | None = None

    def script(self) -> Script:
        """Return the script. The first call on a machine builds it, which takes about a second.

        Raises:
            SettingsError: the script cannot be built.
        """
        with self._lock:
            if self._script is None:
                plain = self._kept() or self._made()
                self._script = Script(plain, gzip.compress(plain, 6, mtime=0))
            return self._script

    def _kept(self) -> bytes | None:
        try:
            content = self._file.read_bytes()
        except OSError:
            return None
        return content if MARK in content[-2000:] else None

    def _made(self) -> bytes:
        try:
            with atomic_file.draft(self._file) as path:
                self._run(path)
                plain = path.read_bytes()
        except OSError as error:
            raise SettingsError(
                f"the chart script cannot be written to {self._file.parent} ({error.strerror or error}); "
                f"set OVERSIGHT_STATE to a folder where this user has write permission"
            ) from None
        return plain

    def _run(self, path: Path) -> None:
        command = [sys.executable, "-m", "console.web.bundle", str(path)]
        root = Path(__file__).resolve().parent.parent.parent
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False, cwd=root)
        except subprocess.TimeoutExpired:
            raise SettingsError(
                f"{PACKAGE} did not build the chart script within {WAIT_S:.0f} s; reload the page"
            ) from None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it printed no reason"])[-1]
            raise SettingsError(
                f"{PACKAGE} {self.version} cannot build the chart script ({last[:200]}); install the package again"
            )


def main(target: str) -> None:
    """Write the script to a file."""
    import vl_convert

    make: Any = vl_convert.javascript_bundle  # its type annotations require a snippet, which is optional
    script = make().encode()
    if MARK not in script[-2000:]:
        raise SystemExit(f"{MARK.decode()} is not at the end of the bundle")
    Path(target).write_bytes(script)


if __name__ == "__main__":
    main(sys.argv[1])
