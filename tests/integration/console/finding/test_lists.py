"""Lists turn their pages in every engine: nothing is left out, nothing is shown twice, and a lapse is said."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk

from common.elastic.response_limit import BoundedNode
from console.finding.fields import Fields
from console.finding.lists import LAPSED, STARTED_AGAIN, Lists, Page, Wanted
from console.finding.rows import listed_panel, order, sort_of, sortable, wanted_fields
from console.panels.searches import Engine
from contract.documents.fields import FIELDS, properties
from contract.errors import EngineUnavailableError, InputError
from es_pipelines.resources.desired import model_fields
from tests.conftest import ENGINES
from tests.integration.console.installations import PatientEngine
from tests.unit.console.panel_samples import contract, shown
from tests.waiting import WAIT_S

N, SIZE = 137, 20
MIB = 1024 * 1024
EVENTS = shown().page("events")
assert EVENTS is not None
_LISTED = listed_panel(EVENTS)
assert _LISTED is not None
SEARCH = _LISTED[1]
KNOWN = Fields(contract())


@dataclass
class Filled:
    """An index of events, of which many have equal or no values."""

    url: str
    index: str
    es: Elasticsearch

    @property
    def lists(self) -> Lists:
        """Lists of a console that was just started."""
        return Lists(PatientEngine(lambda: Elasticsearch(self.url, node_class=BoundedNode), str, timeout_s=WAIT_S))

    def wanted(self, sort: str = "", *, size: int = SIZE, query: Any = None, limit_bytes: int = 16 * MIB) -> Wanted:
        """A list of these events."""
        return Wanted(
            index=self.index,
            query=query or {"match_all": {}},
            sort=sort_of(order(sort, SEARCH, KNOWN), SEARCH, KNOWN),
            source=wanted_fields(SEARCH),
            size=size,
            limit_bytes=limit_bytes,
            same=f"{sort} {size}",
        )


@pytest.fixture(scope="module", params=ENGINES)
def filled(request: pytest.FixtureRequest) -> Iterator[Filled]:
    """Generated events in each engine."""
    url, index = request.getfixturevalue(f"{request.param}_url"), f"console-lists-{uuid.uuid4().hex[:8]}"
    with Elasticsearch(url, request_timeout=WAIT_S) as es:
        fields = properties([*FIELDS, *model_fields(contract())])
        es.indices.create(index=index, mappings={"dynamic": False, "properties": fields})
        try:
            made = ({"_index": index, "_id": f"e{number}", "_source": _event(number)} for number in range(N))
            bulk(es, made, refresh=True)
            yield Filled(url, index, es)
        finally:
            es.indices.delete(index=index)


def _event(number: int, raw: str = "raw") -> dict[str, Any]:
    prediction = {"label": ("neptune", "normal")[number % 2]} if number % 3 else {}
    return {
        "@timestamp": 1_700_000_000_000 + number // 10 * 1000,
        "event": {
            "ingested": 1_700_000_000_000 + number // 10 * 1000,
            "original": raw,
            **({"risk_score": number % 7 / 3} if number % 4 else {}),
        },
        "user": {"id": "x" * 8_000 if number == 50 else f"user-{number % 5}"},
        "source": {"ip": f"10.0.0.{number % 9}"} if number % 5 else {},
        "oversight": {"status": "enriched", "prediction": prediction},
    }


def _ids(page: Page) -> list[str]:
    return [hit["_id"] for hit in page.hits]


def _all(lists: Lists, wanted: Wanted, *, live: bool = True) -> list[Page]:
    pages = [lists.page(wanted, key="", number=1, live=live)]
    while pages[-1].more:
        pages.append(lists.page(wanted, key=pages[-1].key, number=pages[-1].number + 1, live=live))
    return pages


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("field", sortable(SEARCH, KNOWN))
def test_every_column_sorts_and_the_pages_have_every_event_once(filled: Filled, field: str, direction: str) -> None:
    """Events without a value come last; those with equal values are sorted by time."""
    pages = _all(filled.lists, filled.wanted(f"{field}:{direction}"))
    found = [one for page in pages for one in _ids(page)]
    assert sorted(found) == sorted(f"e{number}" for number in range(N))
    assert {page.total for page in pages} == {N}
    assert [page.first for page in pages] == list(range(1, N + 1, SIZE))
    missing = [hit["_source"].get("event", {}).get("risk_score") is None for page in pages for hit in page.hits]
    assert field != "event.risk_score" or missing == sorted(missing)


def test_a_page_is_turned_back_and_forth_while_events_arrive(filled: Filled) -> None:
    """An open list stays as it was when it was opened."""
    lists, wanted = filled.lists, filled.wanted()
    pages = _all(lists, wanted)
    late = {**_event(1), "event": {"ingested": 1_800_000_000_000}}
    filled.es.index(index=filled.index, id="late", document=late, refresh=True)
    try:
        for page in pages[1:]:
            assert _ids(lists.page(wanted, key=pages[-1].key, number=page.number, live=True)) == _ids(page)
        assert _ids(lists.page(wanted, key="", number=1, live=True))[0] == "late"
    finally:
        filled.es.delete(index=filled.index, id="late", refresh=True)


def test_a_lapsed_list_is_opened_again_and_continues(filled: Filled) -> None:
    """It says so, and shows each event once."""
    lists, wanted = filled.lists, filled.wanted("oversight.prediction.label:asc")
    pages = [lists.page(wanted, key="", number=1), lists.page(wanted, key="", number=2)]
    key = pages[-1].key
    filled.es.close_point_in_time(id=lists._lists[key].point)
    third = lists.page(wanted, key=key, number=3)
    assert third.notice == LAPSED
    fourth = lists.page(wanted, key=key, number=4)
    assert fourth.notice is None
    found = [one for page in (*pages, third, fourth) for one in _ids(page)]
    assert len(found) == len(set(found)) == 4 * SIZE
    assert [third.first, fourth.first] == [2 * SIZE + 1, 3 * SIZE + 1]


def test_a_page_of_an_unknown_list_is_found_again(filled: Filled) -> None:
    """After a restart of the console, or from an address that someone sent."""
    wanted = filled.wanted()
    wanted_page = _all(filled.lists, wanted)[3]
    again = filled.lists.page(wanted, key="unknown", number=4, live=True)
    assert _ids(again) == _ids(wanted_page)
    assert again.first == wanted_page.first
    for number in (100, 10_000):
        started = filled.lists.page(wanted, key="unknown", number=number, live=True)
        assert (started.number, started.notice) == (1, STARTED_AGAIN)


def test_a_key_of_another_list_is_not_used(filled: Filled) -> None:
    lists = filled.lists
    key = lists.page(filled.wanted(), key="", number=2).key
    other = lists.page(filled.wanted("user.id:asc"), key=key, number=2)
    assert other.key != key


def test_a_list_is_read_in_smaller_pages_if_events_are_large(filled: Filled) -> None:
    """Nothing is left out, and an event that is too large alone is shown without its raw line."""
    for number in range(6):
        raw = "y" * (3 * MIB if number == 5 else MIB // 4)
        filled.es.index(index=filled.index, id=f"large-{number}", document=_event(number * 20, raw))
    filled.es.indices.refresh(index=filled.index)
    try:
        pages = _all(filled.lists, filled.wanted(limit_bytes=MIB), live=False)
        found = {hit["_id"]: hit for page in pages for hit in page.hits}
        assert sum(len(page.hits) for page in pages) == len(found) == N + 6
        assert "original" not in found["large-5"]["_source"]["event"]
        assert len(found["large-4"]["_source"]["event"]["original"]) == MIB // 4
    finally:
        for number in range(6):
            filled.es.delete(index=filled.index, id=f"large-{number}")
        filled.es.indices.refresh(index=filled.index)


def test_a_list_of_nothing_is_empty(filled: Filled) -> None:
    page = filled.lists.page(filled.wanted(query={"term": {"user.id": "nobody"}}), key="", number=1)
    assert (page.hits, page.total, page.more) == ([], 0, False)


def test_a_list_of_an_index_that_does_not_exist_is_empty(filled: Filled) -> None:
    wanted = filled.wanted()
    for live in (True, False):
        nothing = Wanted(**{**{name: getattr(wanted, name) for name in wanted.__slots__}, "index": "console-no-such"})
        page = filled.lists.page(nothing, key="", number=1, live=live)
        assert (list(page.hits), page.total, page.more) == ([], 0, False)


def test_a_cluster_that_goes_away_is_said_and_the_list_continues(filled: Filled) -> None:
    """The key stays valid, and the same page is read when the cluster is back."""
    address = [filled.url]
    lists = Lists(_Moving(address))
    wanted = filled.wanted()
    second = lists.page(wanted, key="", number=2)
    address[0] = "http://127.0.0.1:1"
    began = time.monotonic()
    with pytest.raises(EngineUnavailableError):
        lists.page(wanted, key=second.key, number=3)
    assert time.monotonic() - began < WAIT_S
    address[0] = filled.url
    third = lists.page(wanted, key=second.key, number=3)
    assert not set(_ids(third)) & set(_ids(second))
    assert third.first == second.first + SIZE


class _Moving(Engine):
    """An engine whose cluster can be at another address at any time."""

    def __init__(self, address: list[str]) -> None:
        super().__init__(lambda: Elasticsearch(address[0]), str, timeout_s=WAIT_S)

    def client(self) -> Elasticsearch:
        """A new client each time."""
        self._client = None
        return super().client()


@pytest.mark.parametrize("text", ["event.original:asc", "nofield:asc", "user.id", "user.id:up", ":", "user.id:asc:asc"])
def test_an_unknown_order_names_the_columns(text: str) -> None:
    with pytest.raises(InputError, match=r"expected FIELD:asc or FIELD:desc with one of event\.ingested"):
        order(text, SEARCH, KNOWN)
