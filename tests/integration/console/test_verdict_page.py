"""Verdicts in the browser: an event is judged in its story, and the verdict is undone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch
from playwright.sync_api import Browser, Page, expect

from tests.browser import Visit, visit
from tests.integration.console.audit import AUDIT, CONTRASTS
from tests.integration.console.desk import Desk, desk
from tests.integration.console.installations import Console, Installation, installation

pytestmark = [pytest.mark.browser, pytest.mark.elasticsearch]
RANGE = "from=now-2d"


@pytest.fixture(scope="module")
def filled(elasticsearch_url: str) -> Iterator[Installation]:
    with installation(elasticsearch_url, n=200, stream=False) as found:
        yield found


@pytest.fixture(scope="module")
def open_desk(filled: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(filled, tmp_path_factory.mktemp("desk"), OVERSIGHT_CONSOLE_REFRESH_S="300") as found:
        yield found


def signed_in(visitor: Visit, found: Desk, path: str) -> Page:
    """Open a page and sign in as ann."""
    page = visitor.page
    page.goto(f"{found.console.url}{path}")
    page.get_by_label("Token").fill("wrong but long enough to be a token")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#login-wrong")).to_have_text("Wrong token.")
    page.get_by_label("Token").fill(found.tokens["ann"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("body[data-ready]")
    expect(page.locator("#person")).to_contain_text("ann")
    return page


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (390, True)])
def test_an_event_is_judged_undone_and_judged_again(
    browser: Browser, open_desk: Desk, filled: Installation, width: int, dark: bool
) -> None:
    """With a wide and with a narrow screen, in both themes. Everything is readable and has a name."""
    with visit(browser, width=width, height=900, dark=dark) as visitor:
        page = signed_in(visitor, open_desk, f"/triage?{RANGE}")
        visitor.complaints.clear()  # the wrong token
        page.locator("#panel-newest-alerts button.open").first.click()
        story = page.get_by_role("dialog", name="·")
        bar = story.get_by_role("group", name="Judge this event")
        toast = page.locator(".toast")
        bar.get_by_label("Comment").fill("the backup <b>at night</b>")
        bar.get_by_label("Label").select_option("normal")
        bar.get_by_role("button", name="False positive").dblclick()
        expect(toast.get_by_text("Judged 1 event as false positive.")).to_be_visible()
        expect(story.locator("dd", has_text="the backup <b>at night</b>")).to_be_visible()
        visitor.keep(f"verdict-{width}")
        assert visitor.evaluate(AUDIT) == []
        assert visitor.evaluate(CONTRASTS) == []
        assert visitor.evaluate("document.scrollingElement.scrollWidth") <= width
        toast.get_by_role("button", name="Undo").click()
        expect(toast.get_by_text("Restored 1 of 1 events.")).to_be_visible()
        expect(story.locator("dd", has_text="the backup")).to_have_count(0)
        bar.get_by_role("button", name="True positive").click()
        expect(toast.get_by_text("Judged 1 event as true positive.")).to_be_visible()
        expect(story.locator("dd", has_text="true positive")).to_be_visible()
        bar.get_by_role("button", name="Remove verdict").click()
        expect(toast.get_by_text("Removed the verdict of 1 event.")).to_be_visible()
        assert visitor.complaints == []


def test_a_verdict_of_someone_else_is_told(browser: Browser, open_desk: Desk, filled: Installation) -> None:
    """Bob judges the event while ann looks at it."""
    with visit(browser) as visitor:
        page = signed_in(visitor, open_desk, f"/triage?{RANGE}")
        page.locator("#panel-newest-alerts button.open").nth(2).click()
        bar = page.get_by_role("group", name="Judge this event")
        expect(bar.get_by_role("button", name="True positive")).to_be_visible()
        index, _, doc_id = page.evaluate("new URLSearchParams(location.search).get('event')").partition("/")
        bob = open_desk.person("bob")
        assert bob.judge("false_positive", events=[bob.shown(index, doc_id)]).data["written"] == 1
        bar.get_by_role("button", name="True positive").click()
        expect(bar).to_contain_text("they changed since you looked (now false positive by bob)")
    with Elasticsearch(filled.url) as es:
        assert es.get(index=index, id=doc_id)["_source"]["oversight"]["feedback"]["by"] == "bob"


def test_a_comment_or_label_that_is_too_long_is_told(browser: Browser, open_desk: Desk, filled: Installation) -> None:
    """The form refuses a comment of a megabyte; the server refuses a label that the form does not offer."""
    with visit(browser) as visitor:
        page = signed_in(visitor, open_desk, f"/triage?{RANGE}")
        visitor.complaints.clear()  # the wrong token
        page.locator("#panel-newest-alerts button.open").nth(3).click()
        bar = page.get_by_role("group", name="Judge this event")
        comment, label = bar.get_by_label("Comment"), bar.get_by_label("Label")
        comment.fill("x" * 2**20)
        bar.get_by_role("button", name="True positive").click()
        expect(bar).to_contain_text("The comment has 1,048,576 characters; it can have at most 1,000.")
        expect(comment).to_be_focused()
        comment.fill("x" * 1_000)
        label.evaluate("(list) => { list.options[1].value = 'y'.repeat(2 ** 20); list.selectedIndex = 1; }")
        bar.get_by_role("button", name="True positive").click()
        expect(bar).to_contain_text("the body is larger than 1,048,576 bytes")
        label.evaluate("(list) => { list.options[1].value = 'y'.repeat(2 ** 19); list.selectedIndex = 1; }")
        bar.get_by_role("button", name="True positive").click()
        expect(bar).to_contain_text("length <= 1024 - at `$.label`")
        label.select_option("")
        bar.get_by_role("button", name="True positive").click()
        expect(page.locator(".toast").get_by_text("Judged 1 event as true positive.")).to_be_visible()
        assert [
            complaint for complaint in visitor.complaints if "413" not in complaint and "400" not in complaint
        ] == []
        index, _, doc_id = page.evaluate("new URLSearchParams(location.search).get('event')").partition("/")
    with Elasticsearch(filled.url) as es:
        given = es.get(index=index, id=doc_id)["_source"]["oversight"]["feedback"]
    assert (given["comment"], given.get("label")) == ("x" * 1_000, None)


def test_signing_out_asks_again(browser: Browser, open_desk: Desk) -> None:
    with visit(browser) as visitor:
        page = signed_in(visitor, open_desk, f"/events?{RANGE}")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()


def test_without_verdicts_nothing_of_them_is_shown(browser: Browser, shown: Console) -> None:
    """The page neither asks for a session nor has a button that writes."""
    with visit(browser) as visitor:
        page = visitor.go(f"{shown.url}/triage?{RANGE}")
        page.locator("#panel-newest-alerts button.open").first.click()
        expect(page.locator("pre.command")).to_be_visible()
        assert page.locator(".verdict-bar, #person").count() == 0
        assert visitor.complaints == []
