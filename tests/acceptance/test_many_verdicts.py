"""`oversight verdict` for several events, for a query and for an incident."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from common.settings.shared import DEFAULT_MODEL
from contract.documents.fields import stream_name
from tests.acceptance.commands import Terminal
from tests.servers import enrich_service

pytestmark = [pytest.mark.opensearch, pytest.mark.parametrize("engine_url", ["opensearch"], indirect=True)]
FLOOD = (
    "0,tcp,private,S0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,123,6,1.00,1.00,0.00,0.00,0.05,0.07,0.00,255,26,0.10,0.05,"
    "0.00,0.00,1.00,1.00,0.00,0.00"
)
"""One connection of a flood."""


def test_many_events_are_judged_by_ids_by_a_query_and_by_an_incident(
    terminal: Terminal, es: Elasticsearch, namespace: str, tmp_path: Path
) -> None:
    """The command shows the count and asks; without a terminal it needs --yes."""
    lines = [FLOOD.replace(",123,6,", f",{120 + number},6,") for number in range(5)]
    (tmp_path / "flood.csv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    assert terminal.type("provision").returncode == 0
    terminal.json("ship", tmp_path / "flood.csv")
    with enrich_service(DEFAULT_MODEL) as url:
        watching = replace(terminal, settings={**terminal.settings, "OVERSIGHT_ENRICH_URL": url})
        assert watching.type("watch", "--once").returncode == 0
    es.indices.refresh(index=stream_name(namespace))
    ids = [hit["_id"] for hit in es.search(index=stream_name(namespace))["hits"]["hits"]]

    counted = terminal.type("verdict", "--query", "*", "--dry-run", "true_positive")
    assert (counted.returncode, counted.stdout.startswith("5 events with a prediction in ")) == (0, True)
    unasked = terminal.type("verdict", "--query", "*", "true_positive")
    assert (unasked.returncode, "record true_positive for 5 events?" in unasked.stderr) == (1, True)
    assert "--yes" in unasked.stderr

    two = terminal.json("verdict", ids[0], ids[1][:10], "false_positive", "--by", "ann")
    assert (two["written"], two["conflicts"], two["problem"]) == (2, 0, None)
    wrong = terminal.type("verdict", ids[2], "no-such-event", "true_positive")
    assert (wrong.returncode, "there is no document 'no-such-event'" in wrong.stderr) == (1, True)
    rest = terminal.json("verdict", "--query", "NOT _exists_:oversight.feedback.verdict", "true_positive", "--yes")
    assert (rest["events"], rest["written"]) == (3, 3)

    (incident,) = terminal.json("incidents", "--from", "now-1h")["incidents"]
    cleared = terminal.type("verdict", "--incident", incident["id"], "--clear", "--yes")
    assert (cleared.returncode, cleared.stdout.splitlines()[1]) == (0, "5 events have no verdict any more")
    again = terminal.json("verdict", "--incident", incident["id"], "true_positive", "--label", "satan", "--yes")
    assert (again["written"], again["unchanged"]) == (5, 0)
    counts = terminal.json("labels", "export", "--output", tmp_path / "verdicts.csv")
    assert counts["by_label"] == {"satan": 5}
    for use in (["true_positive"], [ids[0], "--query", "*", "true_positive"], ["--dry-run", ids[0], "true_positive"]):
        assert terminal.type("verdict", *use).returncode == 2
