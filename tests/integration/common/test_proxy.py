"""Behind a real nginx: its headers about clients are used if it is trusted, and refused with a message if not."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from tests.artifacts import HEALTHY, write_model
from tests.integration.console.installations import Console, console
from tests.nginx import needs_nginx, nginx
from tests.servers import Service, running
from tests.waiting import WAIT_S

pytestmark = needs_nginx
TOKEN = "sixteen-letters!"
PAGE = json.dumps({"documents": [{"id": "1", "source": HEALTHY}]}).encode()
BOTH = {"X-Forwarded-Proto": "https", "X-Forwarded-Protocol": "https", "X-Forwarded-For": "$proxy_add_x_forwarded_for"}
STRANGER = "127.0.0.9"
"""The address of a client that is not trusted."""
TRUSTED = "127.0.0.1,10.0.0.0/8"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """An enrich service that trusts 127.0.0.1 and not 127.0.0.9."""
    model = write_model(tmp_path_factory.mktemp("model") / "model.onnx")
    env = {"OVERSIGHT_SERVE_TRUSTED_PROXIES": TRUSTED, "OVERSIGHT_SERVE_ACCESS_LOG": "true"}
    with running(model, token=TOKEN, env=env) as one:
        yield one


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console that trusts 127.0.0.1 and not 127.0.0.9."""
    settings = {
        "OVERSIGHT_CONSOLE_TRUSTED_PROXIES": TRUSTED,
        "OVERSIGHT_CONSOLE_TOKEN": TOKEN,
        "OVERSIGHT_CONSOLE_HOSTS": "soc.example",
        "ELASTICSEARCH_URL": "http://127.0.0.1:9",
    }
    with console(tmp_path_factory.mktemp("console"), **settings) as found:
        yield found


def ask(url: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers."""
    sent = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=sent), timeout=WAIT_S) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers)


@pytest.mark.parametrize("protocol", ["https", "ssl", "http"])
def test_both_scheme_headers_of_a_trusted_proxy_are_accepted(service: Service, tmp_path: Path, protocol: str) -> None:
    """`X-Forwarded-Protocol` is an older spelling; a proxy that sends both https and http gets an error."""
    with nginx(tmp_path, service.url, {**BOTH, "X-Forwarded-Protocol": protocol}) as url:
        status, body, _ = ask(f"{url}/v1/enrich", PAGE)
    if protocol == "http":
        assert status == 400
        assert "X-Forwarded-Proto: 'https' and X-Forwarded-Protocol: 'http'" in json.loads(body)["error"]["message"]
    else:
        assert status == 200, body


def test_the_log_names_the_client_of_a_trusted_proxy(service: Service, tmp_path: Path) -> None:
    """It is the last address that is no trusted proxy: text that a client wrote into the header before it
    is ignored.
    """
    headers = {**BOTH, "X-Forwarded-For": "203.0.113.7, 198.51.100.4, 10.2.3.4"}
    with nginx(tmp_path, service.url, headers) as url:
        assert ask(f"{url}/v1/enrich", PAGE)[0] == 200
    assert '"ip":"198.51.100.4"' in service.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("header", ["X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Forwarded-Ssl"])
def test_another_sender_of_such_a_header_gets_the_setting_to_change(
    service: Service, board: Console, tmp_path: Path, header: str
) -> None:
    """The message names the header, the address and the setting. Health still responds."""
    for upstream, path, health, setting in (
        (service.url, "/v1/model", "/v2/health/ready", "OVERSIGHT_SERVE_TRUSTED_PROXIES"),
        (board.url, "/", "/health/live", "OVERSIGHT_CONSOLE_TRUSTED_PROXIES"),
    ):
        with nginx(tmp_path, upstream, {header: "https"}, source=STRANGER) as url:
            status, body, _ = ask(f"{url}{path}")
            assert status == 400
            message = json.loads(body)["error"]["message"]
            assert f"{header} came from {STRANGER}, which is not a trusted proxy" in message
            assert setting in message
            assert ask(f"{url}{health}")[0] == 200


def test_the_cookie_of_a_console_behind_https_is_for_https_only(board: Console, tmp_path: Path) -> None:
    """The browser uses HTTPS to the proxy; the console is reached under its configured name."""
    for scheme, secure in (("https", True), ("http", False)):
        with nginx(tmp_path, board.url, {"X-Forwarded-Proto": scheme, "Host": "soc.example"}) as url:
            status, _, headers = ask(f"{url}/api/login")
        assert status == 200
        (cookie,) = SimpleCookie(headers["Set-Cookie"]).values()
        assert bool(cookie["secure"]) == secure
