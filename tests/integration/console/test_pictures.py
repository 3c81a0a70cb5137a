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


def test_an_alert_is_shown_completely(browser: Browser, calm: Console) -> None:
    """Verdict, reasons, ATT&CK and the model's input, beside the list from which it was opened."""
    with visit(browser, dark=False, **SIZE) as visitor:
        page = visitor.go(f"{calm.url}/triage?from=now-24h&family=u2r")
        page.locator("#panel-newest-alerts button.open").first.click()
        expect(page.get_by_role("heading", name="What the model read")).to_be_visible()
        assert visitor.keep("console-event").stat().st_size < MOST_BYTES
        assert visitor.complaints == []
