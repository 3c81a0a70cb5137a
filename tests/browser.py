"""A headless Chromium for the tests of pages, with what it complains about, and pictures of what it shows."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect, sync_playwright

from tests.conftest import ROOT
from tests.waiting import WAIT_S

CHROMIUM = "/usr/bin/chromium"
PICTURES = "SCREENS_FOLDER"
"""Environment variable: where pictures are kept in place of build/screens."""
WAIT_MS = WAIT_S * 1000
expect.set_options(timeout=WAIT_MS)
LARGE_BYTES = 180_000


def why_no_chromium() -> str:
    """Why pages cannot be looked at here; empty where they can."""
    if shutil.which(CHROMIUM):
        return ""
    return f"no Chromium at {CHROMIUM} (Debian: apt-get install chromium)"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for as long as the block lasts."""
    if reason := why_no_chromium():
        pytest.skip(reason)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page with what its browser complains about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def go(self, url: str) -> Page:
        """Open an address and wait until its figures stand there."""
        self.page.goto(url)
        self.page.wait_for_selector("body[data-ready]", timeout=WAIT_MS)
        return self.page

    def dismiss(self, dialog: Dialog) -> None:
        """A dialog that a script has opened is nothing that our pages do."""
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """The value of a piece of JavaScript."""
        return self.page.evaluate(script, argument)

    def keep(self, name: str, *, whole: bool = False) -> Path:
        """A picture of what is shown, in few colours where it would be large."""
        from PIL import Image

        folder = Path(os.environ.get(PICTURES, ROOT / "build" / "screens"))
        folder.mkdir(parents=True, exist_ok=True)
        shot = Image.open(io.BytesIO(self.page.screenshot(full_page=whole, animations="disabled")))
        path = folder / f"{name}.png"
        if whole:  # nobody publishes these: to be looked at after a test, not to be small
            shot.convert("RGB").save(path, compress_level=1)
            return path
        shot.convert("RGB").save(path, optimize=True)
        if path.stat().st_size > LARGE_BYTES:
            shot.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
        return path


@contextmanager
def visit(browser: Browser, *, width: int = 1440, height: int = 900, dark: bool = False) -> Iterator[Visit]:
    """A new visitor: nothing is remembered of another one. It has no way to any other machine."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        timezone_id="UTC",
        locale="en-GB",
        reduced_motion="reduce",
    )
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    found = Visit(page)
    page.on("pageerror", lambda error: found.complaints.append(f"error: {error}"))
    page.on("dialog", found.dismiss)
    page.on("console", lambda said: found.complaints.append(said.text) if said.type == "error" else None)
    page.on(
        "request",
        lambda asked: None if asked.url.startswith("http://127.0.0.1:") else found.complaints.append(asked.url),
    )
    try:
        yield found
    finally:
        context.close()
