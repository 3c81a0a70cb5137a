"""`oversight console` as a process: where it listens, what it refuses, how it ends."""

from __future__ import annotations

import http.client
import json
import signal
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import warm
from tests.certificates import certify, needs_openssl
from tests.integration.console.installations import Console, console, environment
from tests.waiting import WAIT_S

NO_ENGINE = {"ELASTICSEARCH_URL": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console without an Elasticsearch."""
    with console(tmp_path_factory.mktemp("console"), **NO_ENGINE) as found:
        yield found


def ask(found: Console, raw: bytes) -> tuple[int, str]:
    """Status and body of the response to a handwritten request."""
    parts = urlsplit(found.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=WAIT_S)
    connection.connect()
    connection.sock.sendall(raw)
    answer = http.client.HTTPResponse(connection.sock)
    answer.begin()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_it_answers_while_elasticsearch_is_away(running: Console) -> None:
    """The page loads, and each figure says why it is empty."""
    with urllib.request.urlopen(f"{running.url}/", timeout=WAIT_S) as page:
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{running.url}/api/pages/oversight", timeout=WAIT_S)
    assert refused.value.code == 503
    assert "cannot reach Elasticsearch" in json.load(refused.value)["error"]["message"]


def test_the_charts_script_is_made_once_and_kept(running: Console) -> None:
    """From an installed package: about 900 KB, compressed to at most two fifths."""
    with urllib.request.urlopen(f"{running.url}/", timeout=WAIT_S) as page:
        path = next(part for part in page.read().decode().split('"') if part.endswith("vega.js"))
    request = urllib.request.Request(f"{running.url}{path}", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=WAIT_S) as script:
        packed = script.read()
        assert script.headers["Content-Encoding"] == "gzip"
        assert "immutable" in script.headers["Cache-Control"]
    with urllib.request.urlopen(f"{running.url}{path}", timeout=WAIT_S) as script:
        plain = script.read()
    assert b"window.vegaEmbed=" in plain[-2000:]
    assert len(packed) < 0.4 * len(plain)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET / HTTP/1.1\r\n\r\n", 421),
        (b"POST /api/pages/oversight HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 405),
        (b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"GET /static/x/%2e%2e/%2e%2e/app.py HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    ],
)
def test_requests_that_our_page_never_sends_are_refused(running: Console, raw: bytes, status: int) -> None:
    """Other names, other methods, other files, too large bodies."""
    found, body = ask(running, raw)
    assert found == status
    assert "Traceback" not in body


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        (("--bind", "0.0.0.0:0"), {}, "no token is set; set OVERSIGHT_CONSOLE_TOKEN"),
        (("--model", "no-such-model.onnx"), {}, "no-such-model.onnx"),
        (
            (),
            {"ELASTICSEARCH_URL": "http://es.example:9200", "ELASTICSEARCH_API_KEY": "x"},
            "plain HTTP to another machine",
        ),
    ],
    ids=["open", "model", "plain-http"],
)
def test_unsafe_or_wrong_settings_are_refused_before_the_start(
    tmp_path: Path, options: tuple[str, ...], settings: dict[str, str], words: str
) -> None:
    """One line, exit 64."""
    done = warm.run("console", *options, env=environment(tmp_path, {**NO_ENGINE, **settings}), cwd=tmp_path)
    assert done.returncode == 64, done.stderr
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_with_a_token_it_listens_for_others_and_a_signal_ends_it_cleanly(tmp_path: Path) -> None:
    """It warns that plain HTTP does not protect the token; it ends with 0, and leaves nothing behind."""
    with console(tmp_path, "--bind", "0.0.0.0:0", OVERSIGHT_CONSOLE_TOKEN="sixteen-letters!", **NO_ENGINE) as found:
        assert "plain HTTP to other machines" in found.log.read_text(encoding="utf-8")
        workers = found.process.children()
        found.process.send_signal(signal.SIGTERM)
        assert found.process.wait(timeout=WAIT_S) == 0
        assert not any(worker.is_running() for worker in workers)


@needs_openssl
def test_over_tls_the_cookie_is_for_tls_only_and_plain_http_gets_nothing(tmp_path: Path) -> None:
    """There is no warning about an unprotected token; a browser sends the cookie over TLS only."""
    certificate = certify(tmp_path, "console")
    settings = {
        "OVERSIGHT_CONSOLE_TLS_CERT": str(certificate),
        "OVERSIGHT_CONSOLE_TLS_KEY": str(tmp_path / "console.key"),
        "OVERSIGHT_CONSOLE_TOKEN": "hush-hush-hush-hush",
    }
    trust = ssl.create_default_context(cafile=certificate)
    with console(tmp_path, "--bind", "0.0.0.0:0", **settings, **NO_ENGINE) as found:
        assert "plain HTTP" not in found.log.read_text(encoding="utf-8")
        parts = urlsplit(found.url)
        assert parts.scheme == "https"
        url = f"https://127.0.0.1:{parts.port}"
        with urllib.request.urlopen(f"{url}/", timeout=WAIT_S, context=trust) as page:
            assert page.status == 200
        login = urllib.request.Request(f"{url}/api/login", headers={"Authorization": "Bearer hush-hush-hush-hush"})
        with urllib.request.urlopen(login, timeout=WAIT_S, context=trust) as answer:
            assert "; Secure;" in answer.headers["Set-Cookie"]
        with pytest.raises((OSError, http.client.HTTPException)):
            urllib.request.urlopen(url.replace("https:", "http:"), timeout=WAIT_S)
