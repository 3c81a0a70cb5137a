"""Self-signed certificates for 127.0.0.1, created with the openssl command."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.waiting import WAIT_S

OPENSSL = shutil.which("openssl") or ""
needs_openssl = pytest.mark.skipif(not OPENSSL, reason="no openssl command, which creates the certificates")


def certify(folder: Path, name: str) -> Path:
    """Write NAME.pem and NAME.key. Return the path of NAME.pem."""
    subprocess.run(
        [
            OPENSSL,
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.pem",
        ],
        check=True,
        capture_output=True,
        timeout=WAIT_S,
        cwd=folder,
    )
    return folder / f"{name}.pem"
