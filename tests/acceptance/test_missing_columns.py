"""Traffic of a sensor that knows flows only works end to end with the model that needs no other columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from benchmarks.es_pipelines.removal import remove
from common.settings.shared import DEFAULT_MODEL
from contract.documents.fields import stream_name
from contract.kdd99.columns import COLUMNS, FLOW
from contract.shipped_models import shipped_path
from tests.acceptance.commands import Terminal
from tests.integration.enrich_service.requests import ask
from tests.pipelines import EMPTIED, LINE, SHORT
from tests.servers import enrich_service
from tests.waiting import WAIT_S

FLOW_MODEL = "kdd99-flow"
EVENTS = 400


@pytest.fixture(scope="module")
def flow_url() -> Iterator[str]:
    """Address of a service with the model that needs what a flow log has."""
    with enrich_service(shipped_path(FLOW_MODEL)) as url:
        yield url


@pytest.fixture(scope="module")
def whole_url() -> Iterator[str]:
    """Address of a service with the model that needs all columns."""
    with enrich_service(DEFAULT_MODEL) as url:
        yield url


@pytest.fixture(scope="module")
def gaps(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A log of simulated traffic for each user, with the columns empty that no flow log has."""
    folder = tmp_path_factory.mktemp("gaps")
    done = Terminal(folder, {}).type("simulate", "--events", str(EVENTS), "--label", "--output", "logs")
    assert done.returncode == 0, done.stderr
    logs = sorted((folder / "logs").glob("*.csv"))
    for log in logs:
        header, *lines = log.read_text(encoding="utf-8").splitlines()
        log.write_text("\n".join([header, *map(of_flows, lines)]) + "\n", encoding="utf-8")
    return logs


def sources(es: Elasticsearch, stream: str) -> list[dict[str, Any]]:
    es.indices.refresh(index=stream)
    return [hit["_source"] for hit in scan(es, index=stream)]


def of_flows(line: str) -> str:
    """The line as a sensor writes it that knows flows only."""
    values, others = line.split(",")[: len(COLUMNS)], line.split(",")[len(COLUMNS) :]
    kept = [value if column in FLOW else "" for column, value in zip(COLUMNS, values, strict=True)]
    return ",".join([*kept, *others])


def test_traffic_of_a_flow_log_is_predicted_end_to_end(
    terminal: Terminal,
    es: Elasticsearch,
    namespace: str,
    gaps: list[Path],
    flow_url: str,
    request: pytest.FixtureRequest,
) -> None:
    """In the stream of the model's own dataset. Every event is enriched, and the large attacks mostly get their own
    label. Their first connections look normal, because the windows over recent connections fill slowly.
    """
    flow = Terminal(
        terminal.folder, {**terminal.settings, "OVERSIGHT_MODEL": FLOW_MODEL, "OVERSIGHT_ENRICH_URL": flow_url}
    )
    request.addfinalizer(lambda: remove(es, namespace, "flow"))
    assert flow.type("provision").returncode == 0
    shipped = flow.json("ship", *gaps)
    assert (shipped["stored"], shipped["refused"]) == (EVENTS, 0)
    done = flow.type("watch", "--once")
    assert done.returncode == 0, done.stdout + done.stderr

    documents = sources(es, stream_name(namespace, "flow"))
    assert {document["event"]["dataset"] for document in documents} == {"oversight.flow"}
    assert Counter(document["oversight"]["status"] for document in documents) == {"enriched": EVENTS}
    assert {document["oversight"]["model"]["id"] for document in documents} == {"kdd99-flow"}
    assert all(sorted(document["kdd99"]) == sorted(FLOW) for document in documents)
    verdicts = Counter(
        (document["oversight"]["truth"]["label"], document["oversight"]["prediction"]["label"])
        for document in documents
    )
    for label in ("normal", "neptune", "smurf"):
        called = {verdict: count for (truth, verdict), count in verdicts.items() if truth == label}
        assert max(called, key=lambda verdict: called[verdict]) == label, verdicts


@pytest.mark.opensearch
def test_pending_events_are_predicted_by_the_next_model(
    opensearch_url: str, namespace: str, tmp_path: Path, flow_url: str, whole_url: str
) -> None:
    """A stream is provisioned for one model, then for the other, which has another dataset unless the user names it. No
    event is lost; errors name the missing field.
    """
    whole = Terminal(tmp_path, {"ELASTICSEARCH_URL": opensearch_url, "OVERSIGHT_NAMESPACE": namespace})
    of_flow = {"OVERSIGHT_MODEL": FLOW_MODEL, "OVERSIGHT_DATASET": "connection", "OVERSIGHT_ENRICH_URL": flow_url}
    flow = Terminal(tmp_path, {**whole.settings, **of_flow})
    for name, lines in (
        ("before", [LINE, EMPTIED]),
        ("gaps", [EMPTIED, SHORT, LINE]),
        ("after", [LINE, EMPTIED, SHORT]),
    ):
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with Elasticsearch(opensearch_url, request_timeout=WAIT_S) as es:
        try:
            assert whole.type("provision").returncode == 0
            assert whole.json("ship", "before.csv")["stored"] == 2
            assert found(es, namespace) == {("before", "pending"): 1, ("before", "failed"): 1}

            check = flow.type("check", "--json")
            answers = {one["about"]: one for one in json.loads(check.stdout)}
            assert (check.returncode, answers["pipelines"]["good"]) == (1, False)
            assert f"oversight-csv-{namespace}" in answers["pipelines"]["says"]
            assert "does not match kdd99-flow" in answers["pipelines"]["says"]

            steps = flow.json("provision")["steps"]
            answers = {one["about"]: one for one in flow.json("check")}
            assert all(one["good"] for one in answers.values())
            assert f"{stream_name(namespace)}, provisioned for kdd99-flow: " in answers["stream"]["says"]
            others = {step["name"]: step["action"] for step in steps if step["kind"] != "pipeline"}
            for name in (f"oversight-stream-{namespace}", f"oversight-fields-{namespace}", stream_name(namespace)):
                assert others.pop(name) == "updated"  # it contains the model's name
            assert set(others.values()) == {"unchanged"}
            assert {step["action"] for step in steps if step["kind"] == "pipeline"} == {"unchanged", "updated"}
            assert flow.json("ship", "gaps.csv")["stored"] == 3
            query = {"term": {"kdd99.logged_in": 1}}
            es.indices.refresh(index=stream_name(namespace))
            assert es.count(index=stream_name(namespace), query=query)["count"] == 2

            # the earlier model needs all columns: rows without them fail, with the name of the field
            watched = whole.type("watch", "--once", OVERSIGHT_ENRICH_URL=whole_url)
            assert watched.returncode == 0, watched.stderr
            failed = [
                one for one in sources(es, stream_name(namespace)) if one["user"]["id"] == "gaps" and "error" in one
            ]
            assert {(one["error"]["type"], one["oversight"]["failure"]["field"]) for one in failed} == {
                ("missing_feature", "kdd99.hot"),
                ("missing_feature", "kdd99.wrong_fragment"),
            }
            assert found(es, namespace)["gaps", "enriched"] == 1

            assert whole.type("provision").returncode == 0
            assert whole.json("ship", "after.csv")["stored"] == 3
            assert found(es, namespace)["after", "failed"] == 2
            assert flow.type("watch", "--once").returncode == 0
            by_model = {
                (one["user"]["id"], one["oversight"]["model"]["id"])
                for one in sources(es, stream_name(namespace))
                if one["oversight"]["status"] == "enriched"
            }
            assert by_model == {("before", "kdd99-mlp"), ("gaps", "kdd99-mlp"), ("after", "kdd99-flow")}
        finally:
            remove(es, namespace)


def found(es: Elasticsearch, namespace: str) -> Counter[tuple[str, str]]:
    """Number of documents by file and status."""
    return Counter((one["user"]["id"], one["oversight"]["status"]) for one in sources(es, stream_name(namespace)))


def test_the_service_requires_only_the_columns_of_its_model(flow_url: str, whole_url: str) -> None:
    """One model predicts a document of a flow log; the other rejects it and names the first missing field."""
    values = dict(zip(COLUMNS, LINE.split(","), strict=True))
    columns = {c: v if c in ("protocol_type", "service", "flag") else float(v) for c, v in values.items() if c in FLOW}
    page = {"documents": [{"id": "gaps", "source": {"kdd99": columns}}]}
    status, body = ask(f"{flow_url}/v1/enrich", page)
    assert status == 200
    assert body["results"][0]["fields"]["oversight"]["prediction"]["label"] == "normal"
    assert body["model"]["id"] == "kdd99-flow"
    _, body = ask(f"{whole_url}/v1/enrich", page)
    error = body["results"][0]["error"]
    assert (error["type"], error["field"]) == ("missing_feature", "kdd99.wrong_fragment")
