"""Access control: tokens and guessed tokens, and pages of other sites when no token is required."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from common.access.failed_attempts import FREE
from tests.artifacts import HEALTHY, write_model
from tests.integration.console.installations import console, environment
from tests.servers import running
from tests.waiting import WAIT_S

TOKEN = "sixteen-letters!"
ALL = "0.0.0.0"  # noqa: S104  as a container listens
PAGE = json.dumps({"documents": [{"id": "1", "source": HEALTHY}]}).encode()
TYPED = {"Content-Type": "application/json"}
GUESSES = 200
NO_ENGINE = {"ELASTICSEARCH_URL": "http://127.0.0.1:9"}


@dataclass(frozen=True)
class Guarded:
    """A running server that other machines can reach, and a path behind its guard."""

    url: str
    log: Path
    path: str
    right: int
    """Status of a response to an admitted request."""

    def ask(self, token: str | None, path: str | None = None) -> tuple[int, dict[str, str]]:
        """Status and headers of one request, on a new connection."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        status, _, found = request(self.url, "GET", path or self.path, headers)
        return status, found


def request(
    url: str, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> tuple[int, bytes, dict[str, str]]:
    """One request with exactly these headers: `Host` may be any."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=WAIT_S)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in {**headers, **({} if body is None else {"Content-Length": str(len(body))})}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())
    finally:
        connection.close()


@pytest.fixture(scope="module", params=["enrich", "console"])
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Both servers, each with a token and listening on all addresses."""
    folder = tmp_path_factory.mktemp("server")
    if request.param == "console":
        with console(folder, "--bind", f"{ALL}:0", OVERSIGHT_CONSOLE_TOKEN=TOKEN, **NO_ENGINE) as found:
            yield Guarded(found.url, found.log, "/api/pages/oversight", 503)
        return
    with running(write_model(folder / "model.onnx"), token=TOKEN, host=ALL) as service:
        yield Guarded(service.url, service.log, "/v1/model", 200)


def test_wrong_tokens_are_limited_and_the_right_one_is_not(guarded: Guarded) -> None:
    """From one address: wrong tokens get 429, the right token gets its response, and the log has one line."""
    began = time.monotonic()
    answers = [guarded.ask(f"guess-{number}") for number in range(GUESSES)]
    assert [status for status, _ in answers[: FREE + 1]] == [401] * FREE + [429]
    braked = [headers for status, headers in answers if status == 429]
    took_s = time.monotonic() - began
    assert len(braked) >= GUESSES - FREE * (2 + took_s // 60)
    assert all(1 <= int(headers["Retry-After"]) <= 60 for headers in braked)
    assert guarded.ask(TOKEN)[0] == guarded.right
    assert guarded.ask(None)[0] == 401
    assert guarded.ask(TOKEN[:-1])[0] == 429
    lines = [line for line in guarded.log.read_text(encoding="utf-8").splitlines() if "wrong tokens come from" in line]
    assert 1 <= len(lines) <= 2 + took_s // 60
    assert json.loads(lines[0])["source"]["ip"] == "127.0.0.1"
    assert "guess-" not in guarded.log.read_text(encoding="utf-8")


def test_plain_http_to_other_machines_is_a_warning(guarded: Guarded) -> None:
    """Others can read the token on its way."""
    assert "serves plain HTTP to other machines" in guarded.log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("command", "setting"), [("serve", "OVERSIGHT_ENRICH_TOKEN"), ("console", "OVERSIGHT_CONSOLE_TOKEN")]
)
def test_a_short_token_is_refused_if_other_machines_can_connect(tmp_path: Path, command: str, setting: str) -> None:
    """One line that says how to create a longer one; exit 64."""
    model = write_model(tmp_path / "model.onnx")
    done = subprocess.run(
        [sys.executable, "-m", "oversight", command, "--bind", f"{ALL}:0", "--model", str(model)],
        env=environment(tmp_path, {**NO_ENGINE, setting: "a"}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.returncode == 64, done.stderr
    assert f"{setting} has 1 characters" in done.stderr
    assert "openssl rand -hex 32" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def open_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An enrich service without a token, reachable from this machine only, with a configured host name."""
    model = write_model(tmp_path_factory.mktemp("open") / "model.onnx")
    with running(model, env={"OVERSIGHT_SERVE_HOSTS": "enrich.example, enrich"}) as service:
        yield service.url


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8600"}, 200),
        ({"Host": "[::1]:8600"}, 200),
        ({"Host": "enrich:8600"}, 200),
        ({"Host": "Enrich.Example."}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "10.0.0.1:8600"}, 421),
        ({"Host": ""}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "https://enrich.example"}, 200),
    ],
)
def test_without_a_token_a_page_of_another_site_gets_nothing(
    open_service: str, headers: dict[str, str], status: int
) -> None:
    """`Host` is the name of the site, `Origin` the source of the page: a page can choose neither."""
    found, body, _ = request(open_service, "POST", "/v1/enrich", {**TYPED, **headers}, PAGE)
    assert found == status, body
    if status == 421:
        assert "OVERSIGHT_SERVE_HOSTS" in json.loads(body)["error"]["message"]
    assert request(open_service, "GET", "/v2/health/ready", headers)[0] == 200


def test_without_a_token_addresses_and_listed_names_are_valid_hosts(tmp_path: Path) -> None:
    """A page cannot redirect an address, but a name must be listed. The same holds for open metrics of a service with a
    token.
    """
    model = write_model(tmp_path / "model.onnx")
    env = {"OVERSIGHT_SERVE_OPEN_METRICS": "true", "OVERSIGHT_SERVE_HOSTS": "enrich"}
    with running(model, token=TOKEN, host=ALL, env=env) as service:
        for host, status in (
            ("10.0.0.1:8600", 200),
            ("[fe80::1]:8600", 200),
            ("enrich:8600", 200),
            ("evil.example", 421),
        ):
            assert request(service.url, "GET", "/metrics", {"Host": host})[0] == status
        right = {"Host": "evil.example", "Authorization": f"Bearer {TOKEN}"}
        assert request(service.url, "GET", "/v1/model", right)[0] == 200


@pytest.mark.parametrize("path", ["/v1/enrich", "/v2/models/turbine/infer"])
@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_content_types_that_a_page_can_send_without_preflight_are_refused(
    open_service: str, path: str, kind: str | None
) -> None:
    """Without a preflight a browser sends only these content types, or none."""
    headers = {} if kind is None else {"Content-Type": kind}
    assert request(open_service, "POST", path, headers, PAGE)[0] == 415
