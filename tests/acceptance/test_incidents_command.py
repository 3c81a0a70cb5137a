"""`oversight incidents` as a person types it: the list, one incident, JSON, and what it says when there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.commands import Terminal
from tests.integration.watcher.incidents.alerts import HOUR_MS, START_MS, alert, stored
from watcher.incidents.rules import MINUTE_MS

RANGE = ("--from", "2026-01-31T00:00:00Z", "--to", "2026-02-01T00:00:00Z")
SCANNER = {"ip": "10.0.0.1"}
SCAN = "connection/source.ip=10.0.0.1/probe/2026-01-31T08:00:00.000Z"
LATER = "connection/source.ip=10.0.0.1/probe/2026-01-31T09:00:00.000Z"
FLOOD = "connection/destination.ip=10.1.0.9/dos/2026-01-31T10:00:00.000Z"
EVIL = "\u202e<b>evil"
DOCUMENTS: tuple[dict[str, Any], ...] = (
    alert(START_MS, risk=90.0, source=SCANNER, destination={"ip": "10.1.0.1"}),
    alert(START_MS + 10 * MINUTE_MS, risk=95.5, source=SCANNER, destination={"ip": "10.1.0.2"}),
    alert(START_MS + HOUR_MS, risk=20.0, source=SCANNER),
    *(
        alert(
            START_MS + 2 * HOUR_MS + number,
            risk=73.0,
            family="dos",
            label="smurf",
            source={"ip": f"10.9.0.{number}"},
            destination={"ip": "10.1.0.9"},
        )
        for number in range(3)
    ),
    alert(START_MS + 3 * HOUR_MS, risk=1.0, user={"id": EVIL}),
)


@pytest.fixture(scope="module", params=["embedded", "opensearch"])
def settings(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The settings for the index that holds the alerts, in each engine."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    with stored(url, DOCUMENTS) as (_, index):
        yield {"ELASTICSEARCH_URL": url, "OVERSIGHT_INDEX": index}


@pytest.fixture
def desk(settings: dict[str, str], tmp_path: Path) -> Terminal:
    """A terminal that reads this index."""
    return Terminal(tmp_path, settings)


def test_the_table_has_two_lines_for_each_incident_the_worst_machine_first(desk: Terminal) -> None:
    """Who, when exactly, how many and against whom; hostile characters are escaped."""
    done = desk.type("incidents", *RANGE)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 8
    assert lines[:2] == [
        "risk  95.5  probe from 10.0.0.1  2026-01-31T08:00:00.000Z to 2026-01-31T08:10:00.000Z  "
        "2 events, 2 targets, 0 judged",
        f"  {SCAN}",
    ]
    (flood,) = (line for line in lines if " dos " in line)
    assert "dos against 10.1.0.9" in flood
    assert "3 events, 3 sources" in flood
    assert "\u202e" not in done.stdout


def test_json_holds_the_same_incidents(desk: Terminal) -> None:
    found = desk.json("incidents", *RANGE)
    assert found["note"] is None
    by_id = {one["id"]: one for one in found["incidents"]}
    assert set(by_id) >= {SCAN, LATER, FLOOD}
    assert len(by_id) == 4
    scan = by_id[SCAN]
    assert (scan["first"], scan["last"], scan["events"], scan["risk"]) == (
        "2026-01-31T08:00:00.000Z",
        "2026-01-31T08:10:00.000Z",
        2,
        95.5,
    )
    assert (by_id[FLOOD]["by"], by_id[FLOOD]["key"]) == ("target", "10.1.0.9")
    assert EVIL in {one["key"] for one in found["incidents"]}


def test_an_id_prints_the_incident_as_markdown(desk: Terminal) -> None:
    """The time of any alert of the incident identifies it."""
    done = desk.type("incidents", SCAN.replace("08:00", "08:07"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("#")
    for text in (SCAN, "10.0.0.1", "nmap", "10.1.0.2"):
        assert text in done.stdout
    assert desk.json("incidents", SCAN)["incident"]["id"] == SCAN


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("connection/source.ip=10.0.0.77/probe/2026-01-31T08:00:00.000Z", "10.0.0.77"),
        (SCAN.replace("08:00:00", "12:00:00"), "12:00:00"),
        ("10.0.0.1", "10.0.0.1"),
        (SCAN.replace("connection", "river"), "river"),
    ],
    ids=["nobody", "other time", "no id", "other dataset"],
)
def test_an_unknown_id_is_an_error_that_names_it(desk: Terminal, wrong: str, said: str) -> None:
    done = desk.type("incidents", wrong)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_incidents_it_says_so(desk: Terminal) -> None:
    empty = ("--from", "2026-03-01T00:00:00Z", "--to", "2026-03-02T00:00:00Z")
    done = desk.type("incidents", *empty)
    assert (done.returncode, done.stdout) == (0, "no incidents in this time range\n")
    assert desk.json("incidents", *empty) == {"incidents": [], "note": None}


def test_an_index_that_does_not_exist_is_named(desk: Terminal) -> None:
    nowhere = replace(desk, settings={**desk.settings, "OVERSIGHT_INDEX": "incidents-test-nowhere"})
    done = nowhere.type("incidents", *RANGE)
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no 'incidents-test-nowhere'" in done.stderr


def test_limit_lists_the_worst_and_says_that_there_are_more(desk: Terminal) -> None:
    done = desk.type("incidents", *RANGE, "--limit", "1")
    lines = done.stdout.splitlines()
    assert lines[1:] == [f"  {SCAN}", "Only the first 1 incidents are listed; raise --limit."]
    assert len(desk.json("incidents", *RANGE, "--limit", "4")["incidents"]) == 4
    assert desk.type("incidents", "--limit", "0").returncode == 2
