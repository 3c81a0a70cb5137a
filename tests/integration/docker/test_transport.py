"""The transport layer of Elasticsearch, with the settings and certificates of docker-compose.yml: no peer is accepted.

A peer of the transport layer is a node and needs no password. The attacker here has the certificate of another
container.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.compose import ROOT
from tests.transport import address_of, create_certificates
from tests.waiting import WAIT_S

PING = b"ES\xff\xff\xff\xff"
"""Elasticsearch's transport protocol: a header with length -1; a node that accepts the peer sends it back."""
OTHERS = ["kibana", "enrich", "console"]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of all containers, made by the command of the compose file."""
    return create_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.elasticsearch
def test_the_transport_layer_accepts_only_the_nodes_own_certificate(secured_folder: Path) -> None:
    transport, certificates = address_of(secured_folder), secured_folder / "certificates"
    own = certificates / "elasticsearch"
    assert is_taken(transport, own / "transport.crt", own / "transport.key"), "the node accepts its own certificate"
    for name in OTHERS:
        assert not is_taken(transport, certificates / name / "tls.crt", certificates / name / "tls.key"), name
    assert not is_taken(transport, own / "tls.crt", own / "tls.key"), (
        "the node refuses the certificate of its HTTP server"
    )
    assert not is_taken(transport, None, None)


@pytest.mark.elasticsearch
def test_the_transport_layer_listens_on_loopback_only(secured_folder: Path) -> None:
    assert address_of(secured_folder)[0] in ("127.0.0.1", "::1")


def is_taken(address: tuple[str, int], certificate: Path | None, key: Path | None) -> bool:
    """Whether the node answers the ping of a peer with this certificate, as it answers another node."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    with socket.create_connection(address, timeout=WAIT_S) as plain:
        try:
            with context.wrap_socket(plain) as peer:
                peer.sendall(PING)
                return peer.recv(len(PING)) == PING
        except (ssl.SSLError, ConnectionError):
            return False


def test_certificates_of_an_earlier_version_are_replaced(certificates: Path, tmp_path: Path) -> None:
    """They could sign clients in. The authority stays, so no client has to trust a new one."""
    script = tmp_path / "certificates.sh"
    text = (ROOT / "docker" / "certificates.sh").read_text(encoding="utf-8")
    old = text.replace('extendedKeyUsage=serverAuth" >', 'extendedKeyUsage=serverAuth,clientAuth" >')
    assert old != text
    script.write_text(old, encoding="utf-8")
    script.chmod(0o755)
    folder = tmp_path / "volumes"
    subprocess.run([script, folder, "elasticsearch", "enrich"], check=True, capture_output=True)
    authority = (folder / "public" / "ca.crt").read_bytes()
    assert "Client Authentication" in uses(folder / "enrich" / "tls.crt")
    new: list[str | Path] = [ROOT / "docker" / "certificates.sh", folder, "elasticsearch+transport", "enrich"]
    subprocess.run(new, check=True, capture_output=True)
    for name in ("elasticsearch", "enrich"):
        assert uses(folder / name / "tls.crt") == "TLS Web Server Authentication"
    assert (folder / "public" / "ca.crt").read_bytes() == authority
    again = subprocess.run(new, check=True, capture_output=True, text=True)
    assert [line.split()[0] for line in again.stdout.splitlines()] == ["kept"] * 3


@pytest.mark.parametrize("name", ["elasticsearch", *OTHERS])
def test_a_servers_certificate_is_valid_for_a_server_and_not_for_a_client(certificates: Path, name: str) -> None:
    assert uses(certificates / name / "tls.crt") == "TLS Web Server Authentication"
    assert (certificates / name / "transport.key").exists() == (name == "elasticsearch")


def uses(certificate: Path) -> str:
    """The allowed uses of a certificate, in OpenSSL's words."""
    words = ["openssl", "x509", "-in", str(certificate), "-noout", "-ext", "extendedKeyUsage"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[1].strip()
