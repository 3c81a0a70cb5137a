"""The routes and the checks before them. No Elasticsearch listens at the address that these tests use."""

from __future__ import annotations

from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from flask.testing import FlaskClient
from pydantic import SecretStr

from common.settings.shared import OversightSettings
from console.web.access import HEADERS
from console.web.app import Console
from console.web.backend import Backend
from console.web.settings import ConsoleSettings
from contract.artifact.contract import ModelContract
from contract.errors import SettingsError
from oversight.client import cluster
from tests.unit.console.panel_samples import contract

NO_ENGINE = "http://127.0.0.1:9"
TOKEN = "a token"


def client(tmp_path: Path, *, token: str | None = None, local: bool = True, hosts: tuple[str, ...] = ()) -> FlaskClient:
    backend = Backend(
        connect=lambda: Elasticsearch(NO_ENGINE),
        explain=lambda error: str(cluster.explain(error, NO_ENGINE)),
        contract=contract,
    )
    settings = ConsoleSettings(hosts=",".join(hosts))
    if token is not None:  # set afterwards, because the settings refuse some of these tokens
        settings = settings.model_copy(update={"token": SecretStr(token)})
    shared = OversightSettings(state=tmp_path)
    return Console(settings, shared, backend, local=local).app().test_client()


@pytest.mark.parametrize("path", ["/", "/oversight", "/triage", "/operations", "/events"])
def test_a_page_loads_without_elasticsearch(tmp_path: Path, path: str) -> None:
    """Its frame has titles and questions; the figures load later."""
    page = client(tmp_path).get(path)
    assert page.status_code == 200
    assert page.content_type == "text/html; charset=utf-8"
    assert b"aria-labelledby" in page.data


def test_no_page_contains_a_script_or_a_style(tmp_path: Path) -> None:
    """The policy of the page forbids them; every file comes from the console."""
    text = client(tmp_path).get("/").text
    assert "<style" not in text
    assert " style=" not in text
    assert " onclick" not in text
    assert all('src="/static/' in line for line in text.splitlines() if "<script" in line)
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text


def test_without_elasticsearch_the_figures_are_an_error_that_says_so(tmp_path: Path) -> None:
    """One line, with the address and what to do."""
    answer = client(tmp_path).get("/api/pages/oversight")
    assert answer.status_code == 503
    message = answer.get_json()["error"]["message"]
    assert "cannot reach Elasticsearch at http://127.0.0.1:9" in message
    assert "\n" not in message


@pytest.mark.parametrize("path", ["/", "/api/pages/oversight", "/static/x/js/main.js", "/nowhere", "/api/login"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_reading_methods_are_accepted(tmp_path: Path, path: str, method: str) -> None:
    """The console changes nothing for anyone."""
    answer = client(tmp_path).open(path, method=method)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/", "/api/pages/oversight", "/nowhere", "/static/x/y"])
def test_every_answer_carries_the_policy(tmp_path: Path, path: str) -> None:
    """Errors too."""
    headers = client(tmp_path).get(path).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "unsafe" not in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8602", 200),
        ("localhost", 200),
        ("[::1]:8602", 200),
        ("soc.example:8602", 200),
        ("SOC.example.", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("10.0.0.1", 421),
        ("", 421),
        ("localhost@evil.example", 421),
        ("[", 421),
    ],
)
def test_an_unknown_host_name_is_refused(tmp_path: Path, host: str, status: int) -> None:
    """A page of another site that points its own name at this machine reads nothing (DNS rebinding)."""
    found = client(tmp_path, hosts=("soc.example",)).get("/", headers={"Host": host})
    assert found.status_code == status


@pytest.mark.parametrize("path", ["/api/pages/oversight", "/api/event?index=a&id=b", "/api/login"])
def test_every_route_with_figures_requires_the_token(tmp_path: Path, path: str) -> None:
    """The frame of the page, with the sign-in form, is open."""
    guarded = client(tmp_path, token=TOKEN)
    assert guarded.get(path).status_code == 401
    assert guarded.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert guarded.get("/").status_code == 200


def test_signing_in_gives_a_cookie_that_scripts_cannot_read(tmp_path: Path) -> None:
    """With it the figures load; browsers send it only from our own pages."""
    guarded = client(tmp_path, token=TOKEN)
    answer = guarded.get("/api/login", headers={"Authorization": f"Bearer {TOKEN}"})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    assert guarded.get("/api/pages/oversight").status_code == 503  # the guard accepts it; Elasticsearch is unreachable
    assert guarded.get("/api/login").status_code == 401  # a cookie cannot create another


def test_a_token_of_non_ascii_letters_arrives_unchanged(tmp_path: Path) -> None:
    """Browsers send the bytes of a header one by one."""
    guarded = client(tmp_path, token="schlüssel")
    sent = "schlüssel".encode().decode("latin-1")
    assert guarded.get("/api/login", headers={"Authorization": f"Bearer {sent}"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/api/pages/nowhere", 404),
        ("/api/event", 400),
        ("/api/event?index=a", 400),
        ("/api/event?id=b", 400),
        ("/api/nowhere", 404),
        ("/api/pages/oversight?from=yesterday", 400),
        ("/api/pages/oversight?from=now&to=now-1d", 400),
        ("/static/0000/js/main.js", 404),
        ("/static/../app.py", 404),
        (f"/api/event?index=a&id={'x' * 2000}", 400),
        ("/%00", 404),
        ("/favicon.ico", 404),
    ],
)
def test_a_wrong_request_gets_one_line(tmp_path: Path, path: str, status: int) -> None:
    """Never a traceback, never a page of the framework."""
    answer = client(tmp_path).get(path)
    assert answer.status_code == status
    error = answer.get_json()["error"]
    assert error["type"]
    assert "\n" not in error["message"]


def test_files_are_compressed_and_cached_by_the_browser(tmp_path: Path) -> None:
    """Their URL changes with their content."""
    asking = client(tmp_path)
    name = next(line.split('"')[3] for line in asking.get("/").text.splitlines() if "js/main.js" in line)
    packed = asking.get(name, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "immutable" in packed.headers["Cache-Control"]
    assert asking.get(name).content_type == "text/javascript; charset=utf-8"
    assert asking.get("/").headers["Cache-Control"] == "no-store"


def test_a_folder_that_cannot_be_written_is_an_error_of_the_charts_only(tmp_path: Path) -> None:
    """The figures need no charts: their tables still load."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    asking = client(blocked / "below")
    charts = next(line.split('"')[1] for line in asking.get("/").text.splitlines() if "data-charts" in line)
    answer = asking.get(charts)
    assert answer.status_code == 503
    assert "OVERSIGHT_STATE" in answer.get_json()["error"]["message"]


def test_a_model_that_cannot_be_read_is_an_error_at_the_start(tmp_path: Path) -> None:
    def broken() -> ModelContract:
        raise SettingsError("no such model")

    backend = Backend(connect=lambda: Elasticsearch(NO_ENGINE), explain=str, contract=broken)
    with pytest.raises(SettingsError, match="no such model"):
        Console(ConsoleSettings(), OversightSettings(state=tmp_path), backend, local=True)
