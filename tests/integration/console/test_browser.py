"""The page in a browser, over documents with hostile values."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from elasticsearch import Elasticsearch
from playwright.sync_api import Browser, expect

from benchmarks.console.sample_documents import HOSTILE
from benchmarks.es_pipelines.removal import remove
from contract.documents.fields import stream_name
from es_pipelines.provision.apply import provision
from tests.browser import Visit, visit
from tests.integration.console.audit import AUDIT, CONTRASTS, DRAWN
from tests.integration.console.installations import Console, Installation
from tests.tasks import ONE_SIGMOID

pytestmark = pytest.mark.browser
PAGES = {"oversight": "/oversight", "triage": "/triage", "operations": "/operations", "events": "/events"}
RANGE = "from=now-2d"


@pytest.mark.parametrize("name", PAGES)
def test_every_panel_draws(visitor: Visit, shown: Console, name: str) -> None:
    """Marks and axis names in every chart, rows in every table, a number in every figure; no error in the browser.

    The page is accessible: names, headings, landmarks, table headers. Every text has a contrast of at least 4.5 to
    1.
    """
    visitor.go(f"{shown.url}{PAGES[name]}?{RANGE}")
    panels = visitor.evaluate(DRAWN)
    visitor.keep(f"hostile-{name}", whole=True)
    assert panels
    assert [panel for panel in panels if panel["problem"]] == []
    assert visitor.evaluate(AUDIT) == []
    assert visitor.evaluate(CONTRASTS) == []


def test_the_audit_finds_the_faults_of_a_page(visitor: Visit, shown: Console) -> None:
    """A faulty page fails each check of the audit."""
    page = visitor.go(f"{shown.url}/events?{RANGE}")
    visitor.evaluate("""() => {
      const nameless = document.createElement('button');
      const pale = document.createElement('p');
      pale.textContent = 'pale';
      pale.style.color = '#cccccc';
      document.querySelector('main').append(nameless, pale);
      document.querySelector('#panel-arrivals .role-axis-label').remove();
    }""")
    assert len(visitor.evaluate(AUDIT)) == 1
    assert len(visitor.evaluate(CONTRASTS)) == 1
    assert [panel["problem"] for panel in visitor.evaluate(DRAWN) if panel["problem"]] == ["an axis without names"]
    page.locator("#panel-arrivals .mark-rect").evaluate("(marks) => marks.remove()")
    assert [panel["problem"] for panel in visitor.evaluate(DRAWN) if panel["problem"]] == ["no marks"]


@pytest.mark.parametrize("name", ["oversight", "triage"])
def test_a_narrow_screen_stacks_all_panels(browser: Browser, shown: Console, name: str) -> None:
    """Nothing extends beyond its edge; wide tables scroll inside. Every text is readable in the dark theme too."""
    with visit(browser, width=390, height=844, dark=True) as visitor:
        visitor.go(f"{shown.url}{PAGES[name]}?{RANGE}")
        assert visitor.evaluate("document.scrollingElement.scrollWidth") <= 390
        assert [panel for panel in visitor.evaluate(DRAWN) if panel["problem"]] == []
        assert visitor.evaluate(CONTRASTS) == []
        visitor.keep(f"narrow-{name}", whole=True)
        assert visitor.complaints == []


def test_a_filter_is_typed_and_removed_again(visitor: Visit, shown: Console) -> None:
    """It is part of the URL, so a user can reload it and send it to someone."""
    page = visitor.go(f"{shown.url}/oversight?{RANGE}")
    figure = page.locator("#panel-predicted .figure")
    before = figure.inner_text()
    page.get_by_label("User", exact=True).fill("alpha")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove the filter User alpha")).to_be_visible()
    expect(figure).not_to_have_text(before)
    assert "user=alpha" in page.url
    page.reload()
    expect(figure).not_to_have_text(before)
    page.get_by_role("button", name="Remove the filter User alpha").click()
    expect(figure).to_have_text(before)


def test_a_mark_and_a_cell_filter_too(visitor: Visit, shown: Console) -> None:
    """A click on a bar, and for keyboards on the value in the table of the same chart."""
    page = visitor.go(f"{shown.url}/oversight?{RANGE}")
    page.locator("#panel-threats-bar .mark-rect path").first.click()
    page.wait_for_url(re.compile("label="))
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("button", name="Show the data of Threats Bar as a table").click()
    page.locator("#panel-threats-bar tbody").get_by_role("button").first.press("Enter")
    page.wait_for_url(re.compile("label=neptune"))
    page.locator("#panel-threats-per-user .mark-rect path").first.click()
    page.wait_for_url(re.compile("/triage.*user="))
    assert "label=neptune" in page.url


def test_a_time_range_is_chosen_or_given(visitor: Visit, shown: Console) -> None:
    """A preset, and two moments that the user enters."""
    page = visitor.go(f"{shown.url}/oversight?{RANGE}")
    page.get_by_label("Time", exact=True).select_option("now-6h")
    page.wait_for_url(re.compile("from=now-6h"))
    page.get_by_label("Time", exact=True).select_option("absolute")
    page.get_by_label("From", exact=True).fill("2020-01-01T00:00")
    page.get_by_label("to", exact=True).fill("2020-01-02T00:00")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url(re.compile("from=2020-01-01T00"))
    expect(page.locator("#panel-predicted .figure")).to_have_text("0")
    page.get_by_label("Time", exact=True).select_option("all")
    expect(page.locator("#panel-predicted .figure")).not_to_have_text("0")


def test_an_events_story_is_opened_and_closed_by_keyboard(visitor: Visit, lively: Console) -> None:
    """All its content is text; Escape closes it, and the focus returns."""
    page = visitor.go(f"{lively.url}/triage?{RANGE}")
    row = page.locator("#panel-newest-alerts button.open").first
    row.focus()
    page.keyboard.press("Enter")
    story = page.get_by_role("dialog")
    expect(story.get_by_role("heading", name="Raw line")).to_be_visible()
    for part in (
        "The most likely labels",
        "Reasons",
        "MITRE ATT&CK",
        "Analyst's verdict",
        "What the model read",
        "Document",
    ):
        expect(story.get_by_role("heading", name=part)).to_be_visible()
    assert "event=" in page.url
    with page.expect_response("**/api/pages/**"):  # new figures load behind it
        pass
    page.keyboard.press("Escape")
    expect(story).to_be_hidden()
    expect(row).to_be_focused()
    assert "event=" not in page.url


def test_an_address_with_only_the_id_opens_the_event(visitor: Visit, lively: Console) -> None:
    """Kibana's links to the console have the id of the event, but not its index."""
    page = visitor.go(f"{lively.url}/triage?{RANGE}")
    page.locator("#panel-newest-alerts button.open").first.click()
    hint = page.locator("#story-content section:last-child .hint code")
    expect(hint).to_have_text(re.compile(".+/.+"))
    reference = hint.inner_text()
    page = visitor.go(f"{lively.url}/?event=/{reference.split('/', 1)[1]}")
    expect(page.locator("#story-content section:last-child .hint code")).to_have_text(reference)
    expect(page).to_have_url(re.compile("event=[^/%]"))


def test_hostile_values_are_text_in_an_events_story(visitor: Visit, shown: Console, hostile: Installation) -> None:
    """Also ten thousand letters, right-to-left text, marks that reverse it, and a document with hardly any field."""
    with Elasticsearch(hostile.url) as es:
        hits = es.search(index=stream_name(hostile.namespace), size=600)["hits"]["hits"]
    bare = [hit for hit in hits if "oversight" not in hit["_source"]]
    seen = {hit["_source"]["user"]["id"]: hit for hit in hits if hit["_source"].get("user", {}).get("id") in HOSTILE}
    assert len(seen) == len(HOSTILE)
    page = visitor.go(f"{shown.url}/events?from=all&event={bare[0]['_index']}/{bare[0]['_id']}")
    expect(page.locator("#story-content section:last-child .hint code")).to_have_text(re.compile(bare[0]["_id"]))
    module = str(page.locator("script[type=module]").get_attribute("src")).replace("main.js", "story.js")
    for hit in seen.values():
        visitor.evaluate(
            "async ([module, ...place]) => (await import(module)).open(...place)", [module, hit["_index"], hit["_id"]]
        )
        expect(page.locator("#story-content section:last-child .hint code")).to_have_text(
            f"{hit['_index']}/{hit['_id']}"
        )
        assert (
            visitor.evaluate("document.querySelectorAll('#story img, #story script, a[href^=javascript]').length") == 0
        )
        assert visitor.evaluate(
            "document.querySelector('#story').scrollWidth <= document.querySelector('#story').clientWidth"
        )
    visitor.keep("hostile-story")


def test_a_failed_event_says_why(visitor: Visit, shown: Console) -> None:
    """The count above the page leads to these events."""
    page = visitor.go(f"{shown.url}/oversight?{RANGE}")
    page.locator('[data-count="failed"] a').click()
    page.wait_for_url(re.compile("/events.*status=failed"))
    page.locator("#panel-newest-events button.open").first.click()
    expect(page.get_by_role("dialog").get_by_role("heading", name="What went wrong")).to_be_visible()


def test_the_theme_is_the_systems_until_a_user_chooses(browser: Browser, shown: Console) -> None:
    """The choice is kept; charts are drawn in its colours."""
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    axis = "document.querySelector('#panel-threats-bar .role-axis-label text').getAttribute('fill')"
    with visit(browser, dark=True) as visitor:
        page = visitor.go(f"{shown.url}/oversight?{RANGE}")
        dark, dark_axis = visitor.evaluate(ground), visitor.evaluate(axis)
        page.get_by_role("button", name="Change to the light theme").click()
        page.wait_for_function(f"{axis} !== '{dark_axis}'")
        light = visitor.evaluate(ground)
        assert light != dark
        page.reload()
        page.wait_for_selector("body[data-ready]")
        assert visitor.evaluate(ground) == light
        assert visitor.complaints == []


def test_a_new_event_appears_by_itself_and_not_while_paused(
    visitor: Visit, lively: Console, hostile: Installation
) -> None:
    """Every two seconds here; a screen reader does not announce each update."""
    page = visitor.go(f"{lively.url}/oversight?{RANGE}")
    total = page.locator('[data-count="total"] dd')
    before = int(total.inner_text().replace(",", ""))

    def arrive() -> None:
        with Elasticsearch(hostile.url) as es:
            document = {**hostile.documents[0], "user": {"id": "late"}}
            es.index(
                index=stream_name(hostile.namespace),
                document=document,
                op_type="create",
                pipeline="_none",
                refresh=True,
            )

    arrive()
    expect(total).to_have_text(f"{before + 1:,}")
    page.get_by_role("button", name="Live").click()
    expect(page.get_by_role("button", name="Paused")).to_have_attribute("aria-pressed", "false")
    arrive()
    page.wait_for_timeout(2_500)  # a paused page must not change
    expect(total).to_have_text(f"{before + 1:,}")
    page.get_by_role("button", name="Paused").click()
    expect(total).to_have_text(f"{before + 2:,}")
    assert page.locator("#spoken").inner_text() == ""


def test_the_page_of_operations_lists_the_datasets_if_there_are_several(
    visitor: Visit, shown: Console, hostile: Installation
) -> None:
    address = f"{shown.url}/operations?{RANGE}"
    expect(visitor.go(address).locator("#datasets")).to_be_hidden()
    with Elasticsearch(hostile.url) as es:
        provision(es, replace(ONE_SIGMOID, dataset="river"), namespace=hostile.namespace)
        try:
            page = visitor.go(address)
            expect(page.locator("#datasets")).to_contain_text("river (pump, classification, 2 features)")
            assert visitor.evaluate(CONTRASTS) == []
        finally:
            remove(es, hostile.namespace, "river")


def test_one_watcher_is_not_watchers(visitor: Visit, shown: Console) -> None:
    page = visitor.go(f"{shown.url}/oversight?{RANGE}")
    expect(page.locator('[data-count="watchers"]')).to_have_text(re.compile(r"^watcher\s*1$"))


def test_a_click_on_a_user_opens_triage_with_that_user(visitor: Visit, shown: Console) -> None:
    page = visitor.go(f"{shown.url}/oversight?{RANGE}")
    user = page.locator("#panel-user-to-triage button.value").first
    name = user.inner_text()
    user.click()
    page.wait_for_url(re.compile(r"/triage\?"))
    assert parse_qs(urlsplit(page.url).query)["user"] == [name]


def test_a_story_shows_the_whole_command_for_a_verdict(visitor: Visit, shown: Console, hostile: Installation) -> None:
    """With the address of this Elasticsearch and the namespace, which a terminal does not know."""
    page = visitor.go(f"{shown.url}/triage?{RANGE}")
    page.locator("#panel-newest-alerts button.open").first.click()
    command = page.locator("pre.command")
    expect(command).to_contain_text(f"ELASTICSEARCH_URL={hostile.url} ")
    expect(command).to_contain_text(f"--namespace {hostile.place.namespace} ")


def test_a_keyboard_finds_the_panels_first(visitor: Visit, shown: Console) -> None:
    """The first stop is the link past header and filters, and the focused element is visible."""
    page = visitor.go(f"{shown.url}/oversight?{RANGE}")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the panels")).to_be_focused()
    assert visitor.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert visitor.evaluate("document.activeElement.id") == "main"
