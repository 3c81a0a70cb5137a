"""Every panel of every page, for a model of each task, queried from each engine."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch
from werkzeug.datastructures import MultiDict

from console.panels.board import page
from console.panels.chart import draws
from console.panels.models import Shown, show
from console.panels.number_ranges import with_ranges
from console.panels.query import body
from console.panels.rows import rows_of
from console.panels.scope import asked, scope_of
from contract.artifact.contract import ModelContract
from kibana.panels.declarations import Dashboard, Terms
from kibana.panels.model_view import View
from kibana.saved_objects.alert_items import alert_items, item_id
from kibana.saved_objects.objects import Names
from tests.conftest import ENGINES
from tests.integration.console import oracle
from tests.integration.console.installations import Installation, installation
from tests.kibana_rules import firing
from tests.task_documents import TASKS
from tests.waiting import WAIT_S

N = 300


@dataclasses.dataclass(frozen=True)
class Filled:
    """An installation of one task, and its pages."""

    installation: Installation
    contract: ModelContract
    shown: Shown

    def page(self, board: Dashboard) -> dict[str, dict[str, object]]:
        """The result of every panel of a page over all documents."""
        found = page(
            self.installation.engine(),
            board,
            asked(MultiDict([("from", "now-2d")]), board),
            indices=self.installation.place,
            colours=self.shown.boards.colours,
            now_ms=self.installation.now_ms,
        )
        return {panel["id"]: panel for panel in found["panels"]}


@pytest.fixture(scope="module", params=ENGINES)
def url(request: pytest.FixtureRequest) -> str:
    """URL of each engine in turn."""
    address: str = request.getfixturevalue(f"{request.param}_url")
    return address


@pytest.fixture(scope="module", params=TASKS)
def filled(request: pytest.FixtureRequest, url: str) -> Iterator[Filled]:
    """Documents of each task in a plain index, which every engine supports."""
    contract = TASKS[request.param]
    with installation(url, n=N, stream=False, model=contract) as found:
        yield Filled(found, contract, show(contract))


def test_every_panel_of_every_page_is_answered(filled: Filled) -> None:
    """No engine refuses a search, and no panel with documents is empty."""
    for board in filled.shown.pages:
        panels = filled.page(board)
        assert {key: panel["problem"] for key, panel in panels.items() if panel["problem"]} == {}
        empty = {key for key, panel in panels.items() if panel["state"] != "ok"}
        quiet = filled.contract.task == "regression" and filled.contract.value is None  # it has no bounds: no alerts
        assert not empty or (quiet and board.id == "triage"), empty
        for panel in board.panels:
            assert panel.id in empty or not draws(panel) or panels[panel.id]["spec"], panel.id


def test_counts_are_those_of_the_documents(filled: Filled) -> None:
    """This includes documents with several labels, ranges of numbers, and features named in reasons."""
    installation, wrong, counted = filled.installation, [], set()
    for board in filled.shown.pages:
        scope = scope_of(asked(MultiDict([("from", "now-2d")]), board), now_ms=installation.now_ms)
        panels = with_ranges(installation.engine(), board.panels, scope, installation.place)
        panels = [each for each in panels if each.metrics and each.metrics[0].kind == "count"]
        panels = [each for each in panels if not each.source.heartbeats]
        searches = [(installation.place.of(each.source), body(each, scope)) for each in panels]
        answers = installation.engine().msearch(searches) if searches else []  # the page of incidents has no panels
        for panel, answer in zip(panels, answers, strict=True):
            wanted = oracle.counted(panel, scope, installation.documents)
            found = oracle.shown(panel, rows_of(panel, answer, scope))
            cut = any(isinstance(each, Terms) and (each.others or each.size < 3) for each in panel.by)
            if panel.id != "reasons" and not cut and found != +Counter(wanted):
                wrong.append((board.id, panel.id, wanted - found, found - wanted))
            counted.add(panel.id)
    assert wrong == []
    assert "predicted" in counted


def test_averages_and_extremes_are_those_of_the_documents(filled: Filled) -> None:
    """Over all events."""
    measured = [
        (board, panel)
        for board in filled.shown.pages
        for panel in board.panels
        if panel.id in ("value-over-time", "score-over-time")
    ]
    assert bool(measured) == (filled.contract.task != "classification")
    for board, over_time in measured:
        panel = dataclasses.replace(over_time, by=())
        scope = scope_of(asked(MultiDict([("from", "now-2d")]), board), now_ms=filled.installation.now_ms)
        search = (filled.installation.place.of(panel.source), body(panel, scope))
        (row,) = rows_of(panel, filled.installation.engine().msearch([search])[0], scope)
        values = [
            value
            for document in filled.installation.documents
            for value in oracle.values(document, panel.metrics[0].field or "")
        ]
        assert row.values == pytest.approx([sum(values) / len(values), min(values), max(values)], rel=1e-5)


def test_the_top_anomalies_are_the_farthest_beyond_the_threshold(filled: Filled) -> None:
    """The farthest first, on either side."""
    if filled.contract.score is None:
        return
    board = filled.shown.page("oversight")
    assert board is not None
    table = filled.page(board)["top-anomalies"]["table"]
    assert isinstance(table, dict)
    scores = [float(row["cells"][1]) for row in table["rows"]]
    threshold = filled.contract.score.threshold or 0.0
    below = filled.contract.score.alerts == "below"
    assert scores == sorted(scores, reverse=not below)
    assert all(score < threshold if below else score > threshold for score in scores)
    assert len(scores) > 3


def test_the_rule_about_single_alerts_fires_in_every_task(filled: Filled) -> None:
    """Once for each user or machine that has alerts of its severity."""
    names, contract = Names(), filled.contract
    rules = {item.id: item.body["params"] for item in alert_items(contract, names) if item.kind == "rule"}
    params = rules.get(item_id(names, "rule", "severe-attack"))
    severe = View(contract).severe
    alerts = [
        document
        for document in filled.installation.documents
        if document["event"]["kind"] == "alert" and document["event"]["severity"] >= severe
    ]
    assert (params is None) == (not alerts)
    if params is None:
        return
    wanted = Counter(value for document in alerts for value in oracle.values(document, params["termField"]))
    of_a_day = {**params, "index": [filled.installation.place.events], "timeWindowSize": 24 * 60}
    with Elasticsearch(filled.installation.url, request_timeout=WAIT_S) as es:
        assert firing(es, of_a_day, now=filled.installation.end) == wanted
