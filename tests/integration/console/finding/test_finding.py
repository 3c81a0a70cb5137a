"""Finding and handling in a browser, over documents with hostile values."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from contract.documents.paths import lookup_clear
from tests.browser import Visit, visit
from tests.integration.console.audit import AUDIT, CONTRASTS
from tests.integration.console.installations import Console, Installation

pytestmark = pytest.mark.browser
EVENTS = "events?from=now-2d"
REFUSED = "400"


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visit]:
    """A visitor; the test fails if the browser reported an error other than the refused line of a test."""
    with visit(browser) as found:
        yield found
        assert [one for one in found.complaints if REFUSED not in one] == []
        assert found.evaluate("window.hurt") is None


def search(page: Page, line: str) -> None:
    """Type a query line and wait for its list."""
    page.locator("#line").fill(line)
    with page.expect_response("**/api/list?**"):
        page.keyboard.press("Enter")
    page.wait_for_selector("body[data-ready]:not([data-asking])")


def argument(page: Page, name: str) -> list[str]:
    """The values of an argument of the page's URL."""
    return parse_qs(urlsplit(page.url).query).get(name, [])


def test_a_line_finds_events_and_an_error_points_at_the_character(
    visitor: Visit, shown: Console, hostile: Installation
) -> None:
    """The whole search is in the URL; the back button goes back to the search before."""
    page = visitor.go(f"{shown.url}/{EVENTS}")
    search(page, "user: alpha")
    wanted = sum(lookup_clear(one, "user.id") == "alpha" for one in hostile.documents)
    expect(page.locator(".where")).to_contain_text(f"of {wanted:,}")
    assert argument(page, "q") == ["user: alpha"]
    search(page, "user: alpha and lable: x")
    expect(page.locator("#line-wrong mark")).to_have_text("l")
    expect(page.locator("#line-wrong")).to_contain_text("did you mean label")
    assert visitor.evaluate(CONTRASTS) == []
    page.go_back()
    expect(page.locator("#line")).to_have_value("user: alpha")
    expect(page.locator("#line-wrong")).to_be_hidden()
    expect(page.locator(".where")).to_contain_text(f"of {wanted:,}")


def test_a_line_of_markup_stays_text(visitor: Visit, shown: Console) -> None:
    """Also in the message about what is wrong with it, and in the name of a saved search."""
    page = visitor.go(f"{shown.url}/{EVENTS}")
    search(page, 'user: "<script>window.hurt=1</script>"')
    expect(page.locator(".where")).to_contain_text("of ")
    search(page, "<img/src=x/onerror=window.hurt=1>")
    expect(page.locator("#line-wrong")).to_be_visible()
    page.locator("#saved summary").click()
    page.locator("#saved-name").fill("<img src=x onerror=window.hurt=1>")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="<img src=x onerror=window.hurt=1>")).to_be_visible()
    assert page.locator("#saved-list img, #line-wrong img").count() == 0


def test_field_names_are_suggested(visitor: Visit, shown: Console) -> None:
    page = visitor.go(f"{shown.url}/{EVENTS}")
    line = page.locator("#line")
    with page.expect_response("**/api/fields"):
        line.focus()
    expect(page.locator("#line-hint")).to_contain_text("The raw line is not searched")
    line.press_sequentially("user: alpha and sever")
    expect(page.locator("#line-fields li").first).to_contain_text("severity")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(line).to_have_value("user: alpha and severity: ")


def test_the_list_is_sorted_turned_and_found_again(visitor: Visit, shown: Console) -> None:
    """Order and page are in the URL: a reload and the back button show the same events."""
    page = visitor.go(f"{shown.url}/{EVENTS}")
    with page.expect_response("**/api/list?**"):
        page.get_by_role("button", name="Risk", exact=True).click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Risk")
    first = page.locator("[data-turns] tbody tr").first.get_attribute("data-event")
    with page.expect_response("**/api/list?**"):
        page.get_by_role("button", name="Next page of the list").click()
    expect(page.locator(".where")).to_have_text(re.compile("^51 to 100 of "))
    assert argument(page, "page") == ["2"]
    second = page.locator("[data-turns] tbody tr").first.get_attribute("data-event")
    page.reload()
    expect(page.locator(".where")).to_have_text(re.compile("^51 to 100 of "))
    assert page.locator("[data-turns] tbody tr").first.get_attribute("data-event") == second
    page.go_back()
    expect(page.locator(".where")).to_have_text(re.compile("^1 to 50 of "))
    assert page.locator("[data-turns] tbody tr").first.get_attribute("data-event") == first


def test_filters_of_severity_verdict_and_kind_are_conditions(
    visitor: Visit, shown: Console, hostile: Installation
) -> None:
    page = visitor.go(f"{shown.url}/{EVENTS}&severity=high&kind=alert&verdict=none")
    wanted = sum(
        lookup_clear(one, "event.kind") == "alert"
        and 73 <= (lookup_clear(one, "event.severity") or 0) < 99
        and lookup_clear(one, "oversight.feedback.verdict") is None
        for one in hostile.documents
    )
    assert wanted
    expect(page.locator(".where")).to_contain_text(f"of {wanted:,}")
    expect(page.get_by_role("button", name="Remove the filter Severity high")).to_be_visible()


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_everything_that_is_shown_is_exported(
    visitor: Visit, shown: Console, hostile: Installation, tmp_path: Path, form: str
) -> None:
    """The whole result of the filters, not only the page; no cell is a formula."""
    page = visitor.go(f"{shown.url}/{EVENTS}&q=oversight.status%3A*")
    name = {"csv": "CSV", "jsonl": "JSON lines"}[form]
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Export all these events as {name}").click()
    path = tmp_path / f"events.{form}"
    download.value.save_as(path)
    wanted = sum(lookup_clear(one, "oversight.status") is not None for one in hostile.documents)
    with path.open(encoding="utf-8", newline="") as file:
        if form == "csv":
            rows = list(csv.DictReader(file))
            assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
        else:
            rows = [json.loads(line) for line in file]
    assert len({row["_id"] for row in rows}) == len(rows) == wanted
    expect(page.locator(".export-state")).to_contain_text(f"{wanted:,} events exported")


def test_events_are_worked_through_by_keyboard(visitor: Visit, shown: Console) -> None:
    """Down, select, open, next event, close, help, query line."""
    page = visitor.go(f"{shown.url}/{EVENTS}&q=label%3A*")
    rows = page.locator("[data-turns] tbody tr")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(rows.nth(0).locator("button.open")).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator(".selected")).to_have_text("1 selected")
    page.keyboard.press("Enter")
    expect(page.locator("#story .pivots")).to_be_visible()
    first = argument(page, "event")
    expect(page.locator("#story-before")).to_be_disabled()
    page.keyboard.press("j")
    page.wait_for_function("before => new URLSearchParams(location.search).get('event') !== before", arg=first[0])
    expect(page.locator("#story .pivots")).to_be_visible()
    assert visitor.evaluate(AUDIT) == []
    page.keyboard.press("Escape")
    expect(rows.nth(1).locator("button.open")).to_be_focused()
    page.keyboard.press("?")
    expect(page.locator("#help-keys")).to_contain_text("Next event")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("#line")).to_be_focused()
    page.keyboard.type("j")
    expect(page.locator("#line")).to_have_value(re.compile("j"))


def test_an_event_leads_to_its_neighbours(visitor: Visit, shown: Console, hostile: Installation) -> None:
    """Same machine, same label, 15 minutes on either side; its id is copied."""
    page = visitor.go(f"{shown.url}/{EVENTS}&q=user: alpha and source: *")
    page.locator("[data-turns] button.open").first.click()
    machine = page.get_by_role("link", name=re.compile("^Source "))
    address = machine.inner_text().removeprefix("Source ")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy id").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert visitor.evaluate("navigator.clipboard.readText()") == argument(page, "event")[0].split("/", 1)[1]
    around = parse_qs(urlsplit(page.get_by_role("link", name="15 minutes around").get_attribute("href") or "").query)
    assert int(around["to"][0]) - int(around["from"][0]) == 30 * 60 * 1000
    machine.click()
    wanted = sum(
        address in (lookup_clear(one, "source.ip"), lookup_clear(one, "destination.ip")) for one in hostile.documents
    )
    expect(page.locator(".where")).to_contain_text(f"of {wanted:,}")


def test_a_shortened_list_leads_to_all_of_its_events(visitor: Visit, shown: Console) -> None:
    """With the filters of the page; the page of events counts as many."""
    page = visitor.go(f"{shown.url}/triage?from=now-2d&q=user%3A * or source%3A *")
    link = page.locator("#panel-newest-alerts").get_by_role("link", name=re.compile(r"^All [\d,]+ in Events$"))
    total = link.inner_text().split()[1]
    assert int(total.replace(",", "")) > 50
    link.click()
    expect(page.locator(".where")).to_have_text(f"1 to 50 of {total}")


def test_an_alert_leads_to_its_incident(visitor: Visit, shown: Console) -> None:
    """One click from the event to the incident that holds it; its events lead back to the list."""
    page = visitor.go(f"{shown.url}/{EVENTS}&kind=alert&q=user: alpha")
    page.locator("[data-turns] button.open").first.click()
    link = page.locator("#story .part a")
    name = link.inner_text()
    link.click()
    expect(page.locator("#incident-title")).to_have_text(name)
    everything = page.locator("#incident").get_by_role("link", name=re.compile(r"^All [\d,]+ in Events$"))
    total = everything.inner_text().split()[1]
    everything.click()
    expect(page.locator(".where")).to_have_text(re.compile(f"of {total}$"))


def test_a_saved_search_is_opened_again_and_removed(visitor: Visit, shown: Console) -> None:
    """It stays in this browser; a damaged store is ignored."""
    page = visitor.go(f"{shown.url}/{EVENTS}")
    search(page, "user: alpha")
    page.locator("#saved summary").click()
    page.locator("#saved-name").fill("alpha")
    page.keyboard.press("Enter")
    page.goto(f"{shown.url}/triage")
    page.locator("#saved summary").click()
    page.get_by_role("link", name="alpha", exact=True).click()
    page.wait_for_url(re.compile("/events.*q="))
    expect(page.locator("#line")).to_have_value("user: alpha")
    page.locator("#saved summary").click()
    page.get_by_role("button", name="Remove the search alpha").click()
    expect(page.locator("#saved-list")).to_contain_text("No saved search yet")
    page.evaluate("localStorage.setItem('oversight-searches', '{broken')")
    page.reload()
    page.locator("#saved summary").click()
    expect(page.locator("#saved-list")).to_contain_text("No saved search yet")


def test_an_event_is_handled_on_a_narrow_screen(browser: Browser, shown: Console) -> None:
    """User and label of every row are visible, and nothing extends beyond the screen."""
    with visit(browser, width=390, height=844, dark=True) as visitor:
        page = visitor.go(f"{shown.url}/{EVENTS}&q=label%3A neptune")
        row = page.locator("[data-turns] tbody tr").first
        for field in ("user.id", "oversight.prediction.label"):
            box = row.locator(f'[data-field="{field}"]').bounding_box()
            assert box is not None
            assert box["width"] > 20
            assert box["x"] + box["width"] <= 390
        row.locator("button.open").click()
        expect(page.locator("#story .pivots")).to_be_visible()
        assert visitor.evaluate("document.scrollingElement.scrollWidth") <= 390
        assert visitor.evaluate(CONTRASTS) == []
        assert visitor.complaints == []
