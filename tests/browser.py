"""A headless Chromium for tests of pages: records its error messages and takes screenshots."""

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

CHROMIUM = shutil.which("chromium-headless-shell") or "/usr/bin/chromium"
"""Chromium without the windows of a browser takes two thirds of the processor time, where it is installed."""
PICTURES = "SCREENS_FOLDER"
"""Environment variable: folder for screenshots; default: build/screens."""
WAIT_MS = WAIT_S * 1000
expect.set_options(timeout=WAIT_MS)
LARGE_BYTES = 180_000


def why_no_chromium() -> str:
    """Return why tests cannot open pages here; empty if they can."""
    if shutil.which(CHROMIUM):
        return ""
    return f"no Chromium at {CHROMIUM} (Debian: apt-get install chromium)"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a browser."""
    if reason := why_no_chromium():
        pytest.skip(reason)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page and the error messages of its browser."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def go(self, url: str) -> Page:
        """Open a URL and wait until the page shows its figures."""
        self.page.goto(url)
        self.page.wait_for_selector("body[data-ready]", timeout=WAIT_MS)
        return self.page

    def dismiss(self, dialog: Dialog) -> None:
        """Record a dialog, because our pages never open one."""
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """Evaluate JavaScript and return the value."""
        return self.page.evaluate(script, argument)

    def keep(self, name: str, *, whole: bool = False) -> Path:
        """Save a screenshot, with fewer colours if it would be large."""
        from PIL import Image

        folder = Path(os.environ.get(PICTURES, ROOT / "build" / "screens"))
        folder.mkdir(parents=True, exist_ok=True)
        shot = Image.open(io.BytesIO(self.page.screenshot(full_page=whole, animations="disabled")))
        path = folder / f"{name}.png"
        if whole:  # these are only looked at after a test, so their size does not matter
            shot.convert("RGB").save(path, compress_level=1)
            return path
        shot.convert("RGB").save(path, optimize=True)
        if path.stat().st_size > LARGE_BYTES:
            shot.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
        return path


@contextmanager
def visit(browser: Browser, *, width: int = 1440, height: int = 900, dark: bool = False) -> Iterator[Visit]:
    """Yield a new visitor with empty storage. Every request to another machine is recorded as an error."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        timezone_id="UTC",
        locale="en-GB",
        reduced_motion="reduce",
    )
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    visitor = Visit(page)
    page.on("pageerror", lambda error: visitor.complaints.append(f"error: {error}"))
    page.on("dialog", visitor.dismiss)
    page.on("console", lambda message: visitor.complaints.append(message.text) if message.type == "error" else None)
    page.on(
        "request",
        lambda sent: None if sent.url.startswith("http://127.0.0.1:") else visitor.complaints.append(sent.url),
    )
    try:
        yield visitor
    finally:
        context.close()
