"""The pictures of the README: `make screens` writes them to docs/images, a test run to build/screens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import visit
from tests.integration.console.audit import DRAWN
from tests.integration.console.installations import Console, installation

pytestmark = pytest.mark.browser
MOST_BYTES = 200_000
SIZE = {"width": 1360, "height": 940}
BROKEN_ADDRESSES = """[...document.querySelectorAll('#incident-list .address')]
    .filter((one) => {
        const text = document.createRange();
        text.selectNodeContents(one);
        return text.getClientRects().length > 1;
    })
    .map((one) => one.textContent)"""
"""Addresses on more than one line."""


@pytest.fixture(scope="module")
def calm(embedded_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console over a day of traffic without hostile values."""
    with installation(embedded_url, n=1_500) as filled, filled.console(tmp_path_factory.mktemp("console")) as shown:
        yield shown


@pytest.mark.parametrize(("page", "dark"), [("oversight", False), ("triage", False), ("operations", True)])
def test_a_dashboard_is_drawn_completely(browser: Browser, calm: Console, page: str, dark: bool) -> None:
    """No panel is empty if all documents are complete."""
    with visit(browser, dark=dark, **SIZE) as visitor:
        visitor.go(f"{calm.url}/{page}?from=now-24h")
        assert [panel for panel in visitor.evaluate(DRAWN) if panel["problem"] or panel["state"] != "ok"] == []
        assert visitor.keep(f"console-{page}").stat().st_size < MOST_BYTES
        assert visitor.complaints == []


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (390, 844)], ids=["wide", "narrow"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_incidents_are_shown_completely(browser: Browser, calm: Console, width: int, height: int, dark: bool) -> None:
    """The list, and the worst incident. No address of a machine is cut in two lines."""
    name = f"{'narrow' if width < 900 else 'wide'}-{'dark' if dark else 'light'}"
    with visit(browser, width=width, height=height, dark=dark) as visitor:
        page = visitor.go(f"{calm.url}/?from=now-24h")
        expect(page.locator("#incident-list tbody tr").first).to_be_visible()
        expect(page.locator("#incident-list .address").first).to_be_visible()
        assert visitor.evaluate(BROKEN_ADDRESSES) == []
        assert visitor.evaluate("document.scrollingElement.scrollWidth") <= width
        assert visitor.keep(f"console-incidents-{name}").stat().st_size < MOST_BYTES
        page.locator("#incident-list button.open").first.click()
        page.wait_for_selector("#incident[data-ready]")
        assert visitor.keep(f"console-incident-{name}").stat().st_size < MOST_BYTES
        assert visitor.complaints == []


def test_an_alert_is_shown_completely(browser: Browser, calm: Console) -> None:
    """Verdict, reasons, ATT&CK and the model's input, beside the list from which it was opened."""
    with visit(browser, dark=False, **SIZE) as visitor:
        page = visitor.go(f"{calm.url}/triage?from=now-24h&family=u2r")
        page.locator("#panel-newest-alerts button.open").first.click()
        expect(page.get_by_role("heading", name="What the model read")).to_be_visible()
        assert visitor.keep("console-event").stat().st_size < MOST_BYTES
        assert visitor.complaints == []
