"""Kibana over TLS, with a certificate of its own authority."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.certificates import certify, needs_openssl
from tests.integration.kibana.conftest import Ran
from tests.kibana_server import fake_kibana

pytestmark = needs_openssl
Run = Callable[..., Ran]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key next to it."""
    return certify(tmp_path, "kibana")


def test_an_authority_of_ones_own_is_trusted_where_it_is_named(run: Run, certificate: Path) -> None:
    with fake_kibana(certificate=certificate) as secure:
        refused = run("import", "--wait", "0", KIBANA_URL=secure.url)
        assert refused.code == 64
        assert "no trusted connection to https://127.0.0.1:" in refused.line
        assert "set KIBANA_CA_CERTS" in refused.line
        assert run("import", KIBANA_URL=secure.url, KIBANA_CA_CERTS=str(certificate), KIBANA_API_KEY="YWJj").code == 0


def test_a_file_that_holds_no_certificate_is_named(run: Run, tmp_path: Path) -> None:
    ran = run("import", KIBANA_CA_CERTS=str(tmp_path / "gone.pem"))
    assert ran.code == 64
    assert "cannot be read as certificates" in ran.line


def test_https_to_a_server_without_tls_says_so(run: Run) -> None:
    with fake_kibana() as plain:
        ran = run("import", "--wait", "0", KIBANA_URL=plain.url.replace("http:", "https:"))
    assert ran.code == 64
    assert "begin KIBANA_URL with http://" in ran.line
