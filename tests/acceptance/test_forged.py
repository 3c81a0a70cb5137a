"""Predictions and verdicts that a shipper forges: `check` reports them, `labels export` leaves them out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.fields import stream_name
from tests.acceptance.commands import Terminal
from tests.pipelines import LINE

FORGED: dict[str, Any] = {
    "@timestamp": "2026-01-01T00:00:00.000Z",
    "message": LINE,
    "kdd99": {"duration": 0},
    "oversight": {"status": "enriched", "prediction": {"label": "normal"}, "feedback": {"verdict": "false_positive"}},
}


def documents_of_check(terminal: Terminal) -> dict[str, Any]:
    """Results of `check`, by subject."""
    return {one["about"]: one for one in json.loads(terminal.type("check", "--json").stdout)}


def test_check_names_forged_documents_and_export_refuses_an_index_without_the_guard(
    terminal: Terminal, es: Elasticsearch, namespace: str, tmp_path: Path
) -> None:
    """With the guard there is nothing to report; without it both commands say what is wrong and what to do."""
    stream, output = stream_name(namespace), tmp_path / "verdicts.csv"
    assert terminal.type("provision").returncode == 0
    es.index(index=stream, document=FORGED, op_type="create", pipeline="_none", refresh=True)
    assert documents_of_check(terminal)["documents"]["good"]
    assert terminal.json("labels", "export", "--output", output)["rows"] == 0

    es.indices.put_settings(index=stream, settings={"index.final_pipeline": "_none"})
    es.index(index=stream, document=FORGED, op_type="create", refresh=True)
    answers = documents_of_check(terminal)
    assert not answers["documents"]["good"]
    assert "1 enriched without a model (GET " in answers["documents"]["says"]
    assert (
        "_search?q=oversight.status:enriched+AND+NOT+_exists_:oversight.model.version" in answers["documents"]["says"]
    )
    assert not answers["pipelines"]["good"]
    assert "someone changed the final pipeline" in answers["pipelines"]["says"]
    refused = terminal.type("labels", "export", "--output", output)
    assert refused.returncode == 1
    assert stream in refused.stderr
    assert "the final pipeline is not Oversight's" in refused.stderr
    assert terminal.type("labels", "export", "--output", output, "--unguarded").returncode == 0

    assert terminal.type("provision", "--force").returncode == 0
    left = terminal.json("labels", "export", "--output", output)
    assert (left["rows"], left["left_out"]) == (0, {"it looks forged (a verdict without its author and time)": 1})
