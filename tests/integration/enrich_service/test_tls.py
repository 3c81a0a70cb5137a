"""The service over real TLS: its certificate is renewed while it runs, and bad certificates are refused."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.enrich_service.fuzz import service as fuzz
from benchmarks.enrich_service.fuzz import tls as fuzz_tls
from contract.errors import EndpointUnavailableError
from tests.artifacts import HEALTHY, TURBINE
from tests.certificates import certify, needs_openssl
from tests.integration.enrich_service.requests import send_raw
from tests.integration.enrich_service.test_server import start
from tests.servers import Service, running
from tests.waiting import until
from watcher.enrich.client import EnrichClient
from watcher.enrich.responses import Enriched

pytestmark = needs_openssl
NAMES = ("server", "next", "client", "stranger")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates and keys."""
    made = tmp_path_factory.mktemp("certificates")
    for name in NAMES:
        certify(made, name)
    return made


@contextmanager
def serving(model: Path, folder: Path, used: str) -> Iterator[Service]:
    """`oversight serve` over TLS that requires a client certificate; its own certificate is the copy `used`.pem."""
    for kind in ("pem", "key"):
        shutil.copy(folder / f"server.{kind}", folder / f"{used}.{kind}")
    env = {
        "OVERSIGHT_SERVE_TLS_CERT": str(folder / f"{used}.pem"),
        "OVERSIGHT_SERVE_TLS_KEY": str(folder / f"{used}.key"),
        "OVERSIGHT_SERVE_TLS_CLIENT_CA": str(folder / "client.pem"),
        "OVERSIGHT_SERVE_READ_TIMEOUT_S": "1",
    }
    tls = ssl.create_default_context(cafile=folder / "server.pem")
    tls.load_cert_chain(folder / "client.pem", folder / "client.key")
    with running(model, token="hush", env=env, tls=tls) as service:
        yield service


@pytest.fixture(scope="module")
def secure(turbine_model: Path, folder: Path) -> Iterator[Service]:
    """A service that no test sends faults to."""
    with serving(turbine_model, folder, "used") as service:
        yield service


def ask(service: Service, folder: Path, *, ca: str = "server", cert: str | None = "client") -> Enriched:
    """One document, sent like the watcher's."""
    client = EnrichClient(
        service.url,
        token="hush",
        ca_certs=folder / f"{ca}.pem",
        client_cert=None if cert is None else (folder / f"{cert}.pem", folder / f"{cert}.key"),
        timeout_s=5,
    )
    try:
        found = client.enrich(["1"], [HEALTHY])
    finally:
        client.close()
    assert isinstance(found, Enriched)
    return found


def test_the_watchers_client_is_answered_over_tls(secure: Service, folder: Path) -> None:
    """With a token, which is safe there because nobody else can read it."""
    assert ask(secure, folder).model.id == "turbine"
    assert f"ready at {secure.url}: model turbine" in secure.log.read_text(encoding="utf-8")


@pytest.mark.parametrize(("ca", "cert"), [("stranger", "client"), ("server", None), ("server", "stranger")])
def test_no_document_is_sent_unless_both_sides_trust_each_other(
    secure: Service, folder: Path, ca: str, cert: str | None
) -> None:
    """The server's certificate is not signed by our authority; the client has no certificate, or a foreign one."""
    with pytest.raises(EndpointUnavailableError):
        ask(secure, folder, ca=ca, cert=cert)
    assert ask(secure, folder).model.id == "turbine"


def test_connections_without_tls_do_no_harm(secure: Service, folder: Path) -> None:
    """Plain HTTP, garbage, and a handshake that stops halfway: no traceback in the log, and the next client
    is served.
    """
    for data in (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"\x16\x03\x01\x02", b"\x00" * 300):
        assert b"Traceback" not in send_raw(secure.url, data)
    assert ask(secure, folder).model.id == "turbine"
    assert "Traceback" not in secure.log.read_text(encoding="utf-8")


def test_no_kind_of_client_harms_the_service(secure: Service, folder: Path) -> None:
    """Garbage, half handshakes, plain bytes within TLS: the same worker, the same memory, no log line."""
    assert secure.tls is not None
    report = fuzz.run(
        secure.url,
        secure.workers,
        secure.log,
        rounds=10,
        warm_rounds=5,
        seed=2026,
        kinds=fuzz_tls.clients(secure.tls),
        contract=TURBINE,
    )
    assert report.faults == []
    assert {name: kind.requests for name, kind in report.kinds.items()} == dict.fromkeys(report.kinds, 10)
    assert ask(secure, folder).model.id == "turbine"


def test_a_renewed_certificate_is_used_without_a_restart(turbine_model: Path, folder: Path) -> None:
    """A bad certificate is not used: the previous one stays, and the log says why."""
    with serving(turbine_model, folder, "renewed") as service:
        for kind in ("key", "pem"):
            shutil.copy(folder / f"next.{kind}", folder / f"renewed.{kind}")
        assert ask(service, folder, ca="next").model.id == "turbine"
        (folder / "renewed.pem").write_text("no certificate", encoding="utf-8")
        assert ask(service, folder, ca="next").model.id == "turbine"
        assert until(lambda: "previous certificate stays in use" in service.log.read_text(encoding="utf-8"))
        for kind in ("key", "pem"):
            shutil.copy(folder / f"server.{kind}", folder / f"renewed.{kind}")
        assert ask(service, folder).model.id == "turbine"


@pytest.mark.parametrize(
    ("cert", "key", "said"),
    [
        ("server.pem", "", "only one of OVERSIGHT_SERVE_TLS_CERT and OVERSIGHT_SERVE_TLS_KEY is set; set both"),
        ("gone.pem", "server.key", "gone.pem cannot be read (no such file"),
        ("server.pem", "client.key", "are not a certificate and its key (key values mismatch)"),
        ("server.key", "server.key", "are not a certificate and its key"),
    ],
)
def test_a_bad_certificate_is_one_line_at_the_start(
    turbine_model: Path, folder: Path, cert: str, key: str, said: str
) -> None:
    """Exit 64, before the service listens."""
    env = {"OVERSIGHT_SERVE_TLS_CERT": str(folder / cert)} | (
        {"OVERSIGHT_SERVE_TLS_KEY": str(folder / key)} if key else {}
    )
    ended = start("--model", str(turbine_model), **env)
    assert ended.returncode == 64
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
