"""The page of incidents in a browser, over documents with hostile values and over a flood with forged sources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk
from playwright.sync_api import Browser, Page, expect

from tests.browser import Visit, visit
from tests.integration.console.audit import AUDIT, CONTRASTS
from tests.integration.console.installations import Console, Installation, installation
from tests.waiting import WAIT_S

pytestmark = pytest.mark.browser
RANGE = "from=now-2d"
WHO = "10.9.9.9"
LINES = """() => [...document.querySelectorAll('#incident table td:nth-child(2)')].map((cell) => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return [cell.textContent, range.getClientRects().length];
})"""
"""Text and number of lines of each label of an incident's events."""
EVIL = '<img src=x onerror="window.hurt=1">\u202e'


@pytest.fixture(scope="module")
def scanned(opensearch_url: str) -> Iterator[Installation]:
    """A day of traffic in OpenSearch, and a scan by one machine just now."""
    with installation(opensearch_url, n=600) as filled:
        store(filled, [scan(filled.end - timedelta(minutes=minute), minute) for minute in (40, 30, 20, 10)])
        yield filled


@pytest.fixture(scope="module")
def desk(scanned: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console that shows it; no test waits for new figures."""
    with scanned.console(tmp_path_factory.mktemp("desk"), OVERSIGHT_CONSOLE_REFRESH_S="300") as found:
        yield found


def scan(at: datetime, number: int, *, label: str = "satan") -> dict[str, Any]:
    """One alert of the scan."""
    when = at.astimezone(UTC).isoformat()
    prediction = {"label": label, "family": "probe", "at": when, "reasons": ["count is 511", EVIL], "probability": 1.0}
    return {
        "@timestamp": when,
        "event": {"kind": "alert", "severity": 99, "risk_score": 99.9, "ingested": when, "original": EVIL},
        "source": {"ip": WHO},
        "destination": {"ip": f"10.1.0.{number}"},
        "user": {"id": EVIL},
        "oversight": {"status": "enriched", "prediction": prediction},
    }


def store(filled: Installation, documents: list[dict[str, Any]]) -> None:
    """Write predicted documents, past the pipelines."""
    with Elasticsearch(filled.url, request_timeout=WAIT_S) as es:
        index = filled.place.events
        bulk(es, ({"_op_type": "create", "_index": index, "pipeline": "_none", "_source": one} for one in documents))
        es.indices.refresh(index=index)


def open_scan(page: Page) -> None:
    """Open the incident of the scan by keyboard."""
    row = page.locator("#incident-list tbody tr", has_text=WHO)
    row.locator("button.open").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#incident[data-ready]")


def test_the_worst_incident_comes_first(visitor: Visit, desk: Console) -> None:
    """Who, what, against whom, when, how many, risk and verdict in one row; the page is accessible."""
    page = visitor.go(f"{desk.url}/?{RANGE}")
    row = page.locator("#incident-list tbody tr").first
    for text in ("99.9", "probe", "satan", WHO, "4 targets", "open"):
        expect(row).to_contain_text(text)
    assert visitor.evaluate(AUDIT) == []
    assert visitor.evaluate(CONTRASTS) == []
    expect(page).to_have_title("Incidents · Oversight")


def test_an_incident_opens_with_everything_about_it(visitor: Visit, desk: Console) -> None:
    """Meaning, timeline, reasons, events, what else the machine did; an event opens its story; Escape closes both."""
    page = visitor.go(f"{desk.url}/?{RANGE}")
    open_scan(page)
    dialog = page.locator("#incident")
    for text in ("with the scanner SATAN.", "count is 511", "4 events", "Timeline", "What else this machine did"):
        expect(dialog).to_contain_text(text)
    expect(dialog).to_contain_text("onerror")
    expect(dialog).to_contain_text("\\u202e")
    assert visitor.evaluate(AUDIT) == []
    assert visitor.evaluate(CONTRASTS) == []
    dialog.locator("section", has_text="Events").locator("button.open").first.click()
    expect(page.get_by_role("heading", name="Raw line")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#story")).to_be_hidden()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("#incident-list tbody tr", has_text=WHO).locator("button.open")).to_be_focused()
    assert "incident" not in parse_qs(urlsplit(page.url).query)


def test_the_address_opens_the_incident(visitor: Visit, desk: Console) -> None:
    """The address holds the id; an unknown id is a message."""
    page = visitor.go(f"{desk.url}/?{RANGE}")
    open_scan(page)
    assert parse_qs(urlsplit(page.url).query)["incident"][0].startswith(f"connection/source.ip={WHO}/probe/")
    page.goto(page.url)
    expect(page.locator("#incident-title")).to_have_text(f"probe from {WHO}")


def test_an_unknown_incident_is_a_message(browser: Browser, desk: Console) -> None:
    """The dialog says what is wrong."""
    with visit(browser) as visitor:
        page = visitor.go(f"{desk.url}/?{RANGE}&incident=connection/source.ip={WHO}/dos/2020-01-31T08:00:00.000Z")
        expect(page.locator("#incident-content")).to_contain_text("no incident")
        assert all("400" in complaint for complaint in visitor.complaints)


def test_the_key_m_copies_the_incident(browser: Browser, desk: Console) -> None:
    """As Markdown with a link, in which no value acts as markup."""
    with visit(browser) as visitor:
        visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = visitor.go(f"{desk.url}/?{RANGE}")
        open_scan(page)
        page.keyboard.press("m")
        expect(page.locator("#incident-copied")).to_have_text("Copied")
        text = visitor.evaluate("navigator.clipboard.readText()")
        assert text.startswith(f"## `probe` from `{WHO}`\n")
        assert f"<{desk.url}/?incident=connection%2Fsource.ip%3D{WHO}%2Fprobe%2F" in text
        assert '- `<img src=x onerror="window.hurt=1">\\u202e`: 4\n' in text


def test_an_event_above_its_incident_is_copied_without_a_clipboard_for_scripts(visitor: Visit, desk: Console) -> None:
    """As over plain HTTP from another machine. What is below the open event cannot be selected."""
    page = visitor.page
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    visitor.go(f"{desk.url}/?{RANGE}")
    open_scan(page)
    page.locator("#incident section", has_text="Events").locator("button.open").first.click()
    page.get_by_role("button", name="Copy source").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.locator("#line").focus()
    page.keyboard.press("Control+V")
    expect(page.locator("#line")).to_have_value(WHO)


def test_new_and_grown_incidents_are_marked(browser: Browser, opensearch_url: str, tmp_path: Path) -> None:
    """Since the last look, with the number in the title; `Mark all as seen` takes the marks away."""
    with (
        installation(opensearch_url, n=200) as filled,
        filled.console(tmp_path, OVERSIGHT_CONSOLE_REFRESH_S="300") as console,
        visit(browser) as visitor,
    ):
        now = datetime.now(UTC)
        store(filled, [scan(now - timedelta(minutes=9), 1)])
        page = visitor.go(f"{console.url}/?{RANGE}")
        expect(page).to_have_title("Incidents · Oversight")
        assert page.locator(".mark").count() == 0
        store(filled, [scan(now - timedelta(minutes=1), 2), {**scan(now, 3), "source": {"ip": "10.9.9.8"}}])
        page = visitor.go(f"{console.url}/?{RANGE}")
        expect(page).to_have_title(re.compile(r"^\(2\) Incidents"))
        expect(page.locator("tr", has_text=WHO).locator(".mark")).to_have_text("grown")
        expect(page.locator("tr", has_text="10.9.9.8").locator(".mark")).to_have_text("new")
        page.get_by_role("button", name="Mark all as seen").click()
        expect(page).to_have_title("Incidents · Oversight")
        assert page.locator(".mark").count() == 0
        assert visitor.complaints == []


def test_hostile_values_stay_text(visitor: Visit, shown: Console) -> None:
    """Markup, long texts and bidirectional text in users, labels and techniques."""
    page = visitor.go(f"{shown.url}/?{RANGE}")
    assert page.locator("#incident-list tbody tr").count() > 0
    assert visitor.evaluate(AUDIT) == []
    visitor.keep("hostile-incidents", whole=True)


def test_no_label_breaks_on_a_narrow_screen(browser: Browser, shown: Console) -> None:
    """At 390 px a label stays on one line, and the table scrolls in its frame."""
    with visit(browser, width=390, height=844) as visitor:
        page = visitor.go(f"{shown.url}/?{RANGE}&label=buffer_overflow")
        page.locator("#incident-list button.open").first.click()
        page.wait_for_selector("#incident[data-ready]")
        lines = visitor.evaluate(LINES)
        assert [text for text, _ in lines].count("buffer_overflow") > 0
        assert [text for text, height in lines if height > 1] == []
        assert visitor.evaluate("document.getElementById('incident').scrollWidth") <= 390
        assert visitor.complaints == []


@pytest.mark.parametrize("dark", [False, True])
def test_an_incident_can_be_triaged_on_a_narrow_screen(browser: Browser, desk: Console, dark: bool) -> None:
    """At 390 px each incident is a card; nothing extends beyond the edge, in the list and in the incident."""
    with visit(browser, width=390, height=844, dark=dark) as visitor:
        page = visitor.go(f"{desk.url}/?{RANGE}")
        assert visitor.evaluate("document.scrollingElement.scrollWidth") <= 390
        row = page.locator("#incident-list tbody tr").first
        for text in (WHO, "probe", "99.9", "satan"):
            expect(row.get_by_text(text).first).to_be_in_viewport()
        assert visitor.evaluate(CONTRASTS) == []
        visitor.keep(f"narrow-incidents-{'dark' if dark else 'light'}", whole=True)
        open_scan(page)
        assert visitor.evaluate("document.getElementById('incident').scrollWidth") <= 390
        visitor.keep(f"narrow-incident-{'dark' if dark else 'light'}")
        assert visitor.complaints == []


def test_the_first_page_has_one_address(visitor: Visit, desk: Console) -> None:
    """`/incidents` leads to `/`, and keeps the rest of the address; the dashboard is at `/oversight`."""
    page = visitor.go(f"{desk.url}/incidents?{RANGE}")
    assert urlsplit(page.url).path == "/"
    assert parse_qs(urlsplit(page.url).query) == {"from": ["now-2d"]}
    page.get_by_role("link", name="Oversight Dashboard").first.click()
    page.wait_for_url("**/oversight?*")
