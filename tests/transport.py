"""The transport layer of the node with security: the settings and certificates of docker-compose.yml.

docker/certificates.sh ──▶ FOLDER/certificates/NAME, of all containers
the node's configuration ──▶ FOLDER/config/certs, a link to the certificates of its container
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.compose import ROOT, read

SECRETS = ("ELASTIC_PASSWORD", "KIBANA_SYSTEM_PASSWORD", "KIBANA_ENCRYPTION_KEY", "ENRICH_TOKEN", "CONSOLE_TOKEN")
SERVICES = read(dict.fromkeys(SECRETS, "secret-of-the-test"))["services"]


def create_certificates(folder: Path) -> Path:
    """Create the certificates of all containers with the command of the compose file. Return their folder."""
    certificates = folder / "certificates"
    _, _, *names = SERVICES["certificates"]["entrypoint"]
    subprocess.run([ROOT / "docker" / "certificates.sh", certificates, *names], check=True, capture_output=True)
    return certificates


def prepare_node(folder: Path) -> str:
    """Create the certificates for a node in this folder. Return lines for its configuration."""
    link = folder / "config" / "certs"
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(create_certificates(folder) / "elasticsearch")
    return "\n".join(
        f'{name}: "{value}"'
        for name, value in SERVICES["elasticsearch"]["environment"].items()
        if name.startswith(("transport.", "xpack.security.transport."))
    )


def address_of(folder: Path) -> tuple[str, int]:
    """Return host and port of the transport layer of the node that runs in this folder."""
    host, _, port = (folder / "logs" / "transport.ports").read_text(encoding="utf-8").split()[0].rpartition(":")
    return host.strip("[]"), int(port)
