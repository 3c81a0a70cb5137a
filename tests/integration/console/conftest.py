"""Browsers and consoles that the tests of the page share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import Visit, chromium, visit
from tests.integration.console.installations import Console, Installation, installation


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a module."""
    with chromium() as found:
        yield found


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visit]:
    """A visitor with a wide screen; the test fails if the browser reported an error."""
    with visit(browser) as found:
        yield found
        assert found.complaints == []
        assert found.evaluate("window.hurt") is None


@pytest.fixture(scope="module")
def hostile(embedded_url: str) -> Iterator[Installation]:
    """Documents with hostile values."""
    with installation(embedded_url, hostile=True, n=600) as found:
        yield found


@pytest.fixture(scope="module")
def shown(hostile: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console that shows them; its refresh interval is long, so no test waits for new figures."""
    with hostile.console(tmp_path_factory.mktemp("console"), OVERSIGHT_CONSOLE_REFRESH_S="300") as found:
        yield found


@pytest.fixture(scope="module")
def lively(hostile: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console that shows them, refreshed every two seconds."""
    with hostile.console(tmp_path_factory.mktemp("lively"), OVERSIGHT_CONSOLE_REFRESH_S="2") as found:
        yield found
