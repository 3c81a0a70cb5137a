"""The certificates of the compose file: one authority, a certificate per server, renewed in time, never
half written.
"""

from __future__ import annotations

import shutil
import ssl
import stat
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

SCRIPT = ROOT / "docker" / "certificates.sh"
SERVERS = ("elasticsearch", "enrich")


def make(folder: Path, *names: str) -> list[str]:
    """Run the script; returns its lines."""
    done = subprocess.run([SCRIPT, folder, *names], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with certificates of two servers."""
    folder = tmp_path_factory.mktemp("certificates")
    make(folder, *SERVERS)
    return folder


def test_a_client_that_trusts_the_authority_trusts_each_server_by_its_name(made: Path) -> None:
    for name in SERVERS:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(made / name / "tls.crt", made / name / "tls.key")
        client = ssl.create_default_context(cafile=str(made / "public" / "ca.crt"))
        for host in (name, "localhost", "127.0.0.1"):
            assert _shake_hands(server, client, host)
        with pytest.raises(ssl.SSLCertVerificationError):
            _shake_hands(server, client, "kibana")


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> bool:
    """A TLS handshake in memory, without a socket."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(back, there, server_hostname=host), server.wrap_bio(there, back, server_side=True)]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends[0].cipher() is not None


def test_only_the_owner_reads_the_keys(made: Path) -> None:
    assert stat.S_IMODE((made / "authority" / "ca.key").stat().st_mode) == 0o600
    for name in SERVERS:
        assert stat.S_IMODE((made / name / "tls.key").stat().st_mode) == 0o640
        assert _names(made / name) == ["ca.crt", "tls.crt", "tls.key"]
    assert _names(made / "public") == ["ca.crt"]


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_second_run_makes_only_what_is_missing(made: Path) -> None:
    """A new server, and a server with a certificate of another authority, get a certificate; the others keep theirs."""
    before = contents(made)
    assert make(made, *SERVERS) == [f"kept {made}/{name}/tls.crt" for name in SERVERS]
    assert contents(made) == before
    (made / "enrich" / "tls.key").unlink()
    assert make(made, *SERVERS)[1] == f"made {made}/enrich/tls.crt"
    after = contents(made)
    assert after["elasticsearch/tls.crt"] == before["elasticsearch/tls.crt"]
    assert after["enrich/tls.crt"] != before["enrich/tls.crt"]


def test_a_certificate_that_ends_soon_is_renewed_under_the_same_authority(made: Path, tmp_path: Path) -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    short = tmp_path / "certificates.sh"
    short.write_text(text.replace("server_days=730", "server_days=29"), encoding="utf-8")
    assert short.read_text(encoding="utf-8") != text
    short.chmod(0o755)
    subprocess.run([short, made, "short"], check=True, capture_output=True)
    soon = (made / "short" / "tls.crt").read_bytes()
    authority = (made / "public" / "ca.crt").read_bytes()
    assert make(made, "short") == [f"made {made}/short/tls.crt"]
    assert (made / "short" / "tls.crt").read_bytes() != soon
    assert (made / "public" / "ca.crt").read_bytes() == authority


@pytest.mark.parametrize(
    ("lost", "last"),
    [("authority/ca.key", 'mv "$authority/ca.crt.new"'), ("enrich/tls.key", 'mv "$server/tls.crt.new"')],
    ids=["authority", "server"],
)
def test_a_run_that_is_cut_off_between_key_and_certificate_is_completed(
    made: Path, tmp_path: Path, lost: str, last: str
) -> None:
    """A new key beside the old certificate would keep a server from starting, or the authority from
    signing, for years.
    """
    folder, cut = tmp_path / "certificates", tmp_path / "certificates.sh"
    shutil.copytree(made, folder)
    (folder / lost).unlink()
    text = SCRIPT.read_text(encoding="utf-8")
    cut.write_text(text.replace(last, "exit 9 #"), encoding="utf-8")
    cut.chmod(0o755)
    assert subprocess.run([cut, folder, "enrich"], check=False, capture_output=True).returncode == 9
    make(folder, "enrich", "new")
    for name in ("enrich", "new"):
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(folder / name / "tls.crt", folder / name / "tls.key")
        client = ssl.create_default_context(cafile=str(folder / "public" / "ca.crt"))
        assert _shake_hands(server, client, name)
