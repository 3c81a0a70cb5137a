"""The page without events, without Elasticsearch, or without a token; and with a real installation."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from playwright.sync_api import Browser, expect

from benchmarks.es_pipelines.removal import remove
from common.settings.shared import DEFAULT_MODEL
from es_pipelines.provision.apply import provision
from oversight.demo.ports import free_port
from sensor.simulation import simulate
from sensor.writer import write
from tests import warm
from tests.browser import visit
from tests.integration.console.audit import DRAWN
from tests.integration.console.installations import Installation, console, environment
from tests.servers import enrich_service
from tests.unit.console.panel_samples import contract

pytestmark = pytest.mark.browser


def test_without_events_the_page_says_what_to_do(
    browser: Browser, embedded_url: str, namespace: str, tmp_path: Path
) -> None:
    """First how to create the stream, then how to ship events; the page updates by itself."""
    settings = {"ELASTICSEARCH_URL": embedded_url, "OVERSIGHT_NAMESPACE": namespace, "OVERSIGHT_CONSOLE_REFRESH_S": "2"}
    with console(tmp_path, **settings) as shown, visit(browser) as visitor, Elasticsearch(embedded_url) as es:
        page = visitor.go(f"{shown.url}/")
        expect(page.get_by_role("heading", name="The stream does not exist yet")).to_be_visible()
        expect(page.get_by_text("oversight provision")).to_be_visible()
        try:
            provision(es, contract(), namespace=namespace)
            expect(page.get_by_role("heading", name="No events yet")).to_be_visible()
            expect(page.get_by_text("oversight ship FILE...")).to_be_visible()
            visitor.keep("no-events")
        finally:
            remove(es, namespace)
        assert visitor.complaints == []


@contextlib.contextmanager
def forwarded(port: int, url: str) -> Iterator[None]:
    """Forward connections from a port to an engine while the block runs."""
    target = ("127.0.0.1", int(url.rsplit(":", 1)[1]))

    def copy(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65_536):
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    pairs: list[socket.socket] = []

    def accept(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                came, _ = listener.accept()
                gone = socket.create_connection(target)
                pairs.extend((came, gone))
                for pair in ((came, gone), (gone, came)):
                    threading.Thread(target=copy, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", port)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    for one in pairs:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


def test_while_elasticsearch_is_away_the_page_says_so_and_recovers(
    browser: Browser, hostile: Installation, tmp_path: Path
) -> None:
    """The console starts before it, loses it, and recovers by itself each time."""
    port = free_port()
    settings = {"ELASTICSEARCH_URL": f"http://127.0.0.1:{port}", "OVERSIGHT_NAMESPACE": hostile.namespace}
    with console(tmp_path, OVERSIGHT_CONSOLE_REFRESH_S="2", **settings) as shown, visit(browser) as visitor:
        page = visitor.page
        page.goto(f"{shown.url}/oversight?from=now-2d")
        notice = page.get_by_role("alert")
        expect(notice).to_contain_text(f"cannot reach Elasticsearch at http://127.0.0.1:{port}")
        with forwarded(port, hostile.url):
            expect(page.locator("#panel-predicted .figure")).to_be_visible()
            expect(notice).to_be_hidden()
        expect(notice).to_be_visible()
        visitor.keep("elasticsearch-away")
        expect(page.locator("#panel-predicted .figure")).to_be_visible()  # the last figures stay


def test_a_console_with_a_token_requires_it(browser: Browser, hostile: Installation, tmp_path: Path) -> None:
    """Only once: a reload does not ask again. The token is neither in the URL nor readable by scripts in
    the browser.
    """
    with hostile.console(tmp_path, OVERSIGHT_CONSOLE_TOKEN="secret-word") as shown, visit(browser) as visitor:
        page = visitor.page
        page.goto(f"{shown.url}/oversight?from=now-2d")
        page.get_by_label("Token").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Wrong token.")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.get_by_label("Token").fill("secret-word")
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#panel-predicted .figure")).to_be_visible()
        kept = visitor.evaluate(
            "JSON.stringify([location.href, document.cookie, {...localStorage}, {...sessionStorage}])"
        )
        assert "secret-word" not in kept
        page.reload()
        expect(page.locator("#panel-predicted .figure")).to_be_visible()


def test_the_documents_of_pipeline_service_and_watcher_are_drawn(
    browser: Browser, embedded_url: str, namespace: str, tmp_path: Path
) -> None:
    """Simulated traffic, shipped, parsed and predicted by the shipped model: every panel with data draws."""
    traffic = tmp_path / "traffic"
    traffic.mkdir()
    write(simulate(seed=1, start=datetime.now(UTC), events=200), traffic)
    settings = {"ELASTICSEARCH_URL": embedded_url, "OVERSIGHT_NAMESPACE": namespace}
    with Elasticsearch(embedded_url) as es, enrich_service(DEFAULT_MODEL) as address:
        try:
            provision(es, contract(), namespace=namespace)
            files = [str(path) for path in sorted(traffic.glob("*.csv"))]
            for words in (["ship", *files], ["watch", "--once", "--enrich-url", address]):
                done = warm.run(*words, env=environment(tmp_path, settings), cwd=tmp_path)
                assert done.returncode == 0, done.stderr + done.stdout
            with console(tmp_path, **settings) as shown, visit(browser) as visitor:
                for path in ("/oversight", "/triage", "/operations"):
                    visitor.go(f"{shown.url}{path}?from=now-15m")
                    drawn = visitor.evaluate(DRAWN)
                    assert [one for one in drawn if one["problem"] and one["state"] != "empty"] == []
                    assert path != "/oversight" or all(one["state"] == "ok" for one in drawn)
                assert visitor.complaints == []
        finally:
            remove(es, namespace)
            es.options(ignore_status=404).indices.delete(index=f"oversight-watchers-{namespace}")
