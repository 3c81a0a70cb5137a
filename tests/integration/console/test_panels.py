"""Every panel of every page, queried from each engine and computed again from the documents."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from werkzeug.datastructures import MultiDict

from console.finding.whole import of_panel
from console.panels.board import page
from console.panels.chart import draws
from console.panels.query import body
from console.panels.rows import OTHERS, rows_of
from console.panels.scope import asked, scope_of
from console.panels.searches import Engine, Search, lacks_percentiles
from console.panels.time_range import HOUR
from contract.documents.fields import ENRICHED, FAILED, PENDING
from contract.errors import EngineUnavailableError
from kibana.panels.declarations import Terms
from tests.conftest import ENGINES
from tests.integration.console import oracle
from tests.integration.console.installations import DOCUMENTS, Installation, installation
from tests.integration.watcher.proxy import Call, Reply, only, proxied
from tests.unit.console.panel_samples import all_panels, shown
from tests.waiting import WAIT_S

PAGES = {one.id: one for one in shown().pages}
(NEWEST,) = (panel for panel in PAGES["events"].panels if panel.search is not None)
COUNTED = [
    (one, panel)
    for one, panel in all_panels()
    if panel.metrics and panel.metrics[0].kind == "count" and not panel.source.heartbeats
]
RANGES = [{}, {"user": "delta", "family": "dos"}]


@pytest.fixture(scope="module", params=ENGINES)
def filled(request: pytest.FixtureRequest) -> Iterator[Installation]:
    """Generated documents in each engine in turn; this Elasticsearch has no pipelines, so it gets a plain index."""
    url = request.getfixturevalue(f"{request.param}_url")
    with installation(url, stream=request.param != "elasticsearch") as found:
        yield found


@pytest.mark.parametrize("name", PAGES)
def test_every_panel_of_a_page_is_answered(filled: Installation, name: str) -> None:
    """No panel is refused, and no panel is empty unless the dashboard allows it."""
    board = PAGES[name]
    found = page(
        filled.engine(),
        board,
        asked(MultiDict([("from", "now-2d")]), board),
        indices=filled.place,
        colours=shown().boards.colours,
        now_ms=filled.now_ms,
    )
    panels = {panel["id"]: panel for panel in found["panels"]}
    assert {key: panel["problem"] for key, panel in panels.items() if panel["problem"]} == {}
    assert [panel["id"] for panel in found["panels"] if panel["state"] != "ok"] == []
    for panel in board.panels:
        assert not draws(panel) or (panels[panel.id]["rows"] and panels[panel.id]["spec"]), panel.id
    assert found["header"]["total"] == DOCUMENTS
    assert sum(found["header"][status] for status in (PENDING, ENRICHED, FAILED)) == DOCUMENTS
    assert found["header"]["watchers"] == 1
    assert found["header"]["oldest_pending_s"] > 0
    assert all(choices for choices in found["choices"].values())


def test_a_heartbeat_that_was_written_while_the_page_is_read_is_shown(filled: Installation) -> None:
    """A watcher replaces its heartbeat, so the one before the page's time is gone."""
    board = PAGES["operations"]
    found = page(
        filled.engine(),
        board,
        asked(MultiDict([("from", "now-2d")]), board),
        indices=filled.place,
        colours=shown().boards.colours,
        now_ms=filled.now_ms - 2 * HOUR,
    )
    (watchers,) = (panel for panel in found["panels"] if panel["id"] == "watchers")
    assert watchers["state"] == "ok"
    assert len(watchers["table"]["rows"]) == found["header"]["watchers"] == 1


@pytest.mark.parametrize("picked", RANGES, ids=["all", "user-and-family"])
def test_counts_are_those_of_the_documents(filled: Installation, picked: dict[str, str]) -> None:
    """All counting panels at once, with and without filters; only the commonest values if there are too many."""
    engine = filled.engine()
    scopes = [
        scope_of(asked(MultiDict([("from", "now-2d"), *picked.items()]), board), now_ms=filled.now_ms)
        for board, _ in COUNTED
    ]
    searches = [
        (filled.place.of(panel.source), body(panel, scope)) for (_, panel), scope in zip(COUNTED, scopes, strict=True)
    ]
    wrong = []
    for (board, panel), scope, answer in zip(COUNTED, scopes, engine.msearch(searches), strict=True):
        wanted = oracle.counted(panel, scope, filled.documents)
        found = oracle.shown(panel, rows_of(panel, answer, scope))
        cut = any(
            isinstance(one, Terms)
            and (one.others or one.size < oracle.distinct(panel, scope, filled.documents, one.field))
            for one in panel.by
        )
        if cut:  # only the commonest values, and a bucket for the rest
            found = +Counter({key: count for key, count in found.items() if OTHERS not in key})
        if found - wanted or (wanted - found and not cut) or (wanted and not found):
            wrong.append((board.id, panel.id, wanted - found, found - wanted))
    assert wrong == []


@pytest.mark.parametrize(
    "picked",
    [{}, {"user": "delta", "q": "risk > 5 or not label: normal"}, {"model-version": "1.0.0", "from": "all"}],
    ids=["all", "filtered", "by-version"],
)
def test_the_page_of_events_lists_everything_of_a_shortened_list(filled: Installation, picked: dict[str, str]) -> None:
    """The link below each list of events leads to as many events as the list counts, with the same filters."""
    events, fields, now_ms = PAGES["events"], shown().fields, filled.now_ms
    lists = [(board, panel) for board, panel in all_panels() if panel.search and not panel.source.heartbeats]
    lists = [(board, panel) for board, panel in lists if board is not events]
    searches: list[Search] = []
    for board, panel in lists:
        wanted = asked(MultiDict({"from": "now-2d", **picked}), board, fields)
        scope = scope_of(wanted, now_ms=now_ms, first_ms=_ms(filled.documents[0]["@timestamp"]))
        time = {"from": scope.time.start_ms, "to": scope.time.end_ms - 1}
        arguments = of_panel(panel, wanted, time, events)
        assert arguments is not None
        there = scope_of(asked(MultiDict(arguments), events, fields), now_ms=now_ms, first_ms=0)
        searches += [(filled.place.events, {"query": scope.query(panel), "track_total_hits": True, "size": 0})]
        searches += [(filled.place.events, {"query": there.query(NEWEST), "track_total_hits": True, "size": 0})]
    totals = [answer["hits"]["total"]["value"] for answer in filled.engine().msearch(searches)]
    assert len(lists) == 3
    assert totals[::2] == totals[1::2]
    assert sum(totals) > 0


def test_the_range_of_all_time_begins_with_the_first_event(filled: Installation) -> None:
    """On every engine."""
    board = PAGES["oversight"]
    found = page(
        filled.engine(),
        board,
        asked(MultiDict([("from", "all")]), board),
        indices=filled.place,
        colours={},
        now_ms=filled.now_ms,
    )
    first_ms = min(oracle.values(document, "@timestamp")[0] for document in filled.documents)
    assert found["range"]["from"] == _ms(first_ms)


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def test_percentiles_from_ranges_are_near_those_of_the_engine(filled: Installation) -> None:
    """An engine without percentiles: the page estimates them from ranges, each at most half as wide as its values.

    Only over the whole time: an engine may interpolate the median of a few values, and ranges cannot show that.
    """
    board = PAGES["operations"]
    over_time = next(panel for panel in board.panels if panel.id == "time-to-prediction")
    panel = dataclasses.replace(over_time, by=())
    scope = scope_of(asked(MultiDict([("from", "now-2d")]), board), now_ms=filled.now_ms)
    exact, ranges = filled.engine().msearch(
        [(filled.place.events, body(panel, scope, percentiles=each)) for each in (True, False)]
    )
    estimates = {row.keys: row.values for row in rows_of(panel, ranges, scope) if any(row.values)}
    assert estimates
    if lacks_percentiles(exact):
        return
    for row in rows_of(panel, exact, scope):
        for engine, ours in zip(row.values, estimates.get(row.keys, row.values), strict=True):
            assert (engine is None) == (ours is None)
            assert engine is None or ours is None or ours / 1.7 <= engine <= ours * 1.7


def test_a_panel_names_a_field_that_an_older_mapping_lacks(filled: Installation) -> None:
    """Only that panel shows an error; the others show their figures."""
    index = f"console-test-old-{filled.namespace}"
    board = PAGES["operations"]
    with Elasticsearch(filled.url) as es:
        try:
            es.indices.create(
                index=index,
                mappings={
                    "properties": {
                        "@timestamp": {"type": "date"},
                        "oversight": {"properties": {"status": {"type": "keyword"}}},
                    }
                },
            )
            es.index(
                index=index,
                document={"@timestamp": filled.documents[-1]["@timestamp"], "oversight": {"status": "enriched"}},
                refresh=True,
            )
            place = Installation(filled.url, filled.namespace, index, filled.end, ()).place
            found = page(
                filled.engine(), board, asked(MultiDict(), board), indices=place, colours={}, now_ms=filled.now_ms
            )
        finally:
            es.indices.delete(index=index)
    delay = next(panel for panel in found["panels"] if panel["id"] == "time-to-prediction-ranges")
    assert delay["state"] == "empty"
    assert "oversight.prediction.delay_s" in delay["missing"]
    assert found["header"]["enriched"] == 1


@pytest.mark.parametrize("name", PAGES)
def test_a_missing_installation_is_answered(filled: Installation, name: str) -> None:
    """The page then says what to do."""
    board = PAGES[name]
    place = Installation(filled.url, "missing", None, filled.end, ()).place
    found = page(filled.engine(), board, asked(MultiDict(), board), indices=place, colours={}, now_ms=filled.now_ms)
    assert (found["header"]["there"], found["header"]["total"]) == (False, 0)
    assert {panel["state"] for panel in found["panels"]} <= {"ok", "empty"}


def test_an_unreachable_engine_is_one_line() -> None:
    """The response has no other content."""
    board = PAGES["oversight"]
    away = Installation("http://127.0.0.1:9", "x", None, datetime.now(UTC), ())
    with pytest.raises(EngineUnavailableError, match="cannot reach Elasticsearch at"):
        page(away.engine(), board, asked(MultiDict(), board), indices=away.place, colours={}, now_ms=0)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_connection_that_breaks_once_causes_no_error(filled: Installation, reset: bool) -> None:
    """An error would be outdated when the user reads it; a refusal is not retried."""
    board = PAGES["oversight"]

    def ask(url: str) -> dict[str, Any]:
        engine = Engine(lambda: Elasticsearch(url), str, timeout_s=WAIT_S)
        return page(engine, board, asked(MultiDict(), board), indices=filled.place, colours={}, now_ms=0)

    with proxied(filled.url) as proxy:

        def breaks_once(call: Call, forward: Callable[[], Reply]) -> Reply:
            reply = forward()
            first = len(proxy.requests(call.path)) == 1 and call.path.startswith("/_msearch")
            return dataclasses.replace(reply, sent=len(reply.body) // 2, reset=reset) if first else reply

        proxy.fault = breaks_once
        assert not [panel for panel in ask(proxy.url)["panels"] if panel["problem"]]
        proxy.calls.clear()
        proxy.fault = only("/_msearch", Reply(503, b"{}"))
        with pytest.raises(EngineUnavailableError):
            ask(proxy.url)
        assert len(proxy.requests("/_msearch")) == 1
