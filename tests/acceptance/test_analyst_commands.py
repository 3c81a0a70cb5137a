"""Commands of analysts and operators on stored events: status, verdict, labels, rescore, retry."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from common.settings.shared import DEFAULT_MODEL
from contract.documents.fields import stream_name
from contract.kdd99.columns import COLUMNS
from tests.acceptance.commands import Terminal
from tests.pipelines import LINE
from tests.servers import enrich_service
from training.data.records import read

pytestmark = [pytest.mark.parametrize("engine_url", ["embedded"], indirect=True)]
SCAN = LINE.replace("0,tcp,http,SF,181,5450", "0,tcp,private,REJ,0,0")
"""A connection that was refused."""


def test_verdicts_are_stored_survive_rescoring_and_export_as_training_rows(
    terminal: Terminal, es: Elasticsearch, namespace: str, tmp_path: Path
) -> None:
    stream = stream_name(namespace)
    (tmp_path / "alice.csv").write_text(f"{LINE}\n{SCAN}\n{LINE.replace('181', '182')}\nno event\n", encoding="utf-8")
    assert terminal.type("provision").returncode == 0
    terminal.json("ship", tmp_path / "alice.csv")
    with enrich_service(DEFAULT_MODEL) as url:
        terminal = replace(terminal, settings={**terminal.settings, "OVERSIGHT_ENRICH_URL": url})
        assert terminal.type("watch", "--once").returncode == 0
        status = terminal.json("status")
        assert (status["enriched"], status["failed"], status["verdicts"]) == (3, 1, {})
        assert status["failures"][0]["type"] == "column_count"
        assert status["failures"][0]["processors"] == {"split-row": 1}
        assert status["speed"]["rate_5m"] > 0
        assert status["speed"]["lag"]["documents"] == 3

        es.indices.refresh(index=stream)
        hits = es.search(index=stream, query={"term": {"oversight.status": "enriched"}})["hits"]["hits"]
        ids = {hit["_source"]["event"]["original"]: hit["_id"] for hit in hits}
        wrong = terminal.type("verdict", ids[LINE], "true_positive", "--label", "portscan")
        assert wrong.returncode == 1
        assert "'portscan' is not a label of the model" in wrong.stderr
        assert terminal.type("verdict", ids[LINE]).returncode == 2
        given = terminal.type(
            "verdict", ids[LINE], "false_positive", "--label", "back", "--by", "ann", "--comment", "seen"
        )
        assert "false_positive, it is back (by ann)" in given.stdout
        short = terminal.json("verdict", ids[SCAN][:12], "true_positive", "--label", "satan")
        assert short["id"] == ids[SCAN]

        none_left = terminal.type("rescore", "--yes")
        assert none_left.returncode == 0
        assert none_left.stdout.startswith("0 documents with a prediction")
        unasked = terminal.type("rescore", "--all")
        assert (unasked.returncode, "--yes" in unasked.stderr) == (1, True)
        assert terminal.json("rescore", "--all", "--query", "user.id:alice", "--yes")["changed"] == 3
        assert terminal.type("watch", "--once").returncode == 0
    status = terminal.json("status")
    assert (status["pending"], status["enriched"]) == (0, 3)
    assert status["verdicts"] == {"false_positive": 1, "true_positive": 1}

    output = tmp_path / "verdicts.csv"
    counts = terminal.json("labels", "export", "--output", output)
    assert (counts["rows"], counts["by_label"]) == (2, {"back": 1, "satan": 1})
    records, _ = read(output)
    assert sorted(records.labels) == ["back", "satan"]
    first = output.read_text(encoding="utf-8").splitlines()[1].split(",")
    assert [float(value) if value[0].isdigit() else value for value in first[:-1]] == [
        float(value) if value[0].isdigit() else value for value in LINE.split(",")
    ]
    assert len(first) == len(COLUMNS) + 1
    notes = [json.loads(line) for line in Path(f"{output}.provenance.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(note["line"], note["id"], note["label"]) for note in notes] == [
        (2, ids[LINE], "back"),
        (3, ids[SCAN], "satan"),
    ]
    assert (notes[0]["by"], notes[0]["comment"]) == ("ann", "seen")

    seen = terminal.type("retry", "--dry-run")
    assert seen.returncode == 0
    assert "column_count" in seen.stdout
    again = terminal.json("retry", "--yes")
    assert (again["failed"], again["pending"], again["failed_anew"]) == (1, 0, {"column_count": 1})
    text = terminal.type("status").stdout
    assert "watchers" in text
    assert "pipeline at split-row" in text
