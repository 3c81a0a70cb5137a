"""An analyst clears a day of a thousand alerts in the console, and the verdicts are what `labels export` writes.

incidents ──▶ one judged by keyboard ──▶ one event judged ──▶ export ──▶ all others at once, undone, once more
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from playwright.sync_api import Browser, Locator, Page, expect

from tests.acceptance.commands import Terminal
from tests.browser import chromium, visit
from tests.integration.console.desk import Desk, desk
from tests.integration.console.installations import Installation, installation
from tests.waiting import WAIT_S

pytestmark = [pytest.mark.browser, pytest.mark.opensearch]
DOCUMENTS = 1_750
"""Of which more than a thousand are alerts."""
RANGE = "from=now-2d"
ALERTS: dict[str, Any] = {"term": {"event.kind": "alert"}}
JUDGED: dict[str, Any] = {"exists": {"field": "oversight.feedback.verdict"}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def day(opensearch_url: str) -> Iterator[Installation]:
    with installation(opensearch_url, n=DOCUMENTS) as found:
        yield found


@pytest.fixture
def terminal(day: Installation, tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, {"ELASTICSEARCH_URL": day.url, "OVERSIGHT_NAMESPACE": day.namespace})


class Stored:
    """What is in the index now."""

    def __init__(self, es: Elasticsearch, index: str) -> None:
        self._es, self._index = es, index

    def count(self, *queries: dict[str, Any]) -> int:
        self._es.indices.refresh(index=self._index)
        return int(self._es.count(index=self._index, query={"bool": {"filter": list(queries)}})["count"])

    def verdicts(self) -> Counter[tuple[str, str | None, str]]:
        """How many events have each verdict, label and person."""
        self._es.indices.refresh(index=self._index)
        hits = self._es.search(index=self._index, query=JUDGED, size=10_000, source_includes="oversight.feedback")[
            "hits"
        ]
        found = [hit["_source"]["oversight"]["feedback"] for hit in hits["hits"]]
        return Counter((one["verdict"], one.get("label"), one["by"]) for one in found)


def sign_in(page: Page, found: Desk, path: str) -> None:
    page.goto(f"{found.console.url}{path}")
    page.get_by_label("Token").fill(found.tokens["ann"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("body[data-ready]")


def number_in(place: Locator) -> int:
    """The number at the end of a text such as `1 to 50 of 1,012`."""
    return int(place.inner_text().rsplit(" ", 1)[-1].replace(",", ""))


def test_a_day_of_a_thousand_alerts_is_cleared(
    browser: Browser, day: Installation, terminal: Terminal, tmp_path: Path
) -> None:
    cleared = terminal.type("verdict", "--query", "*", "--clear", "--yes")
    assert cleared.returncode == 0, cleared.stderr
    with (
        Elasticsearch(day.url, request_timeout=WAIT_S) as es,
        desk(day, tmp_path, OVERSIGHT_CONSOLE_REFRESH_S="300") as found,
        visit(browser, width=1400) as visitor,
    ):
        stored, page = Stored(es, day.place.events), visitor.page
        alerts = stored.count(ALERTS)
        assert alerts >= 1_000
        assert stored.verdicts() == Counter()

        # the incidents are far fewer than the alerts, and hold all of them
        sign_in(page, found, f"/?{RANGE}")
        visitor.complaints.clear()  # the first request, without a session
        rows = page.locator("#incident-list tbody tr")
        expect(rows.first).to_be_visible()
        events = [int(text.replace(",", "")) for text in rows.locator("td.number").all_inner_texts()]
        assert sum(events) == alerts
        assert len(events) < alerts / 3

        # the worst incident, by keyboard alone
        page.locator("#main").focus()
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        incident = page.locator("dialog#incident")
        expect(incident.get_by_role("group", name="Judge this incident").locator(".judge").first).to_be_visible()
        page.keyboard.press("v")
        page.keyboard.press("Enter")
        expect(incident.locator(".question")).to_contain_text(f"Judge {events[0]:,} event")
        page.keyboard.press("Enter")
        expect(page.locator(".toast")).to_contain_text("as true positive")
        expect(incident.locator("dd", has_text="true positive")).to_be_visible()
        page.keyboard.press("Escape")
        expect(incident).not_to_be_visible()
        assert stored.verdicts() == Counter({("true_positive", None, "ann"): events[0]})

        # one event of the list, with a label; the keys open it and go on
        page.goto(f"{found.console.url}/events?{RANGE}&kind=alert&q=not+oversight.feedback.verdict:*")
        page.wait_for_selector("body[data-ready]")
        where = page.locator(".where")
        expect(where).to_contain_text(f"of {alerts - events[0]:,}")
        page.locator("#main").focus()
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        story = page.locator("dialog#story")
        bar = story.get_by_role("group", name="Judge this event")
        bar.get_by_label("Label").select_option("normal")
        bar.get_by_role("button", name="False positive").click()
        expect(page.locator(".toast")).to_contain_text("Judged 1 event as false positive.")
        page.keyboard.press("Escape")
        page.wait_for_url(lambda url: "event=" not in url)
        page.reload()
        page.wait_for_selector("body[data-ready]")
        left = alerts - events[0] - 1
        expect(where).to_contain_text(f"of {left:,}")

        # what the filters hold, exported
        with page.expect_download() as downloading:
            page.get_by_role("button", name="Export all these events as JSON lines").click()
        exported = downloading.value.path().read_text(encoding="utf-8").splitlines()
        assert len({json.loads(line)["_id"] for line in exported}) == len(exported) == left

        # all the others at once; undone; once more
        everything = page.get_by_role("group", name="Judge all events in the filters")
        for again in (False, True):
            everything.get_by_role("button", name="True positive").click()
            everything.get_by_role("button", name=f"Judge {left:,}", exact=True).click()
            expect(page.locator(".toast")).to_contain_text(f"Judged {left:,} events as true positive.")
            assert stored.count(ALERTS, JUDGED) == alerts
            if not again:
                page.locator(".toast").get_by_role("button", name="Undo").click()
                expect(page.locator(".toast")).to_contain_text(f"Restored {left:,} of {left:,} events.")
                assert stored.count(ALERTS, JUDGED) == alerts - left
        expect(page.locator("#panel-newest-events .nothing")).to_be_visible()
        assert visitor.complaints == []

        expected = Counter({("true_positive", None, "ann"): events[0] + left, ("false_positive", "normal", "ann"): 1})
        assert stored.verdicts() == expected
        assert {line["user"]["name"] for line in found.lines("verdict")} == {"ann"}
        assert len(found.lines("verdict")) == 4
        assert len(found.lines("undo-verdict")) == 1

    # the generated documents came in around the final pipeline
    counts = terminal.json("labels", "export", "--unguarded", "--output", tmp_path / "verdicts.csv")
    with (tmp_path / "verdicts.csv").open(encoding="utf-8", newline="") as file:
        labels = Counter(row[-1] for row in csv.reader(file))
    assert counts["by_label"]["normal"] == 1
    assert sum(counts["by_label"].values()) == alerts
    assert sum(labels.values()) in {alerts, alerts + 1}  # with a header or without
