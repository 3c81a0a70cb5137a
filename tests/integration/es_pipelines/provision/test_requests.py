"""How many HTTP requests a run sends: each delays a start script by a round trip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from contract.documents.fields import stream_name
from es_pipelines.cluster.condition import Access
from es_pipelines.resources.stored import (
    COMPONENT_TEMPLATES,
    INDEX_TEMPLATES,
    PIPELINES,
    Bodies,
    Stored,
    Target,
    read_capabilities,
)
from oversight.commands.provision import command
from tests.integration.watcher.proxy import FaultProxy
from tests.provisioning import WritesCounted

MOST = 12
"""Requests of a run that writes nothing, on a cluster without security."""


@pytest.fixture
def counted(
    request: pytest.FixtureRequest, namespace: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[FaultProxy]:
    """A proxy in front of an engine; the command connects to it."""
    url = request.getfixturevalue(request.param)
    proxy = FaultProxy(url)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELASTICSEARCH_URL", proxy.url)
    monkeypatch.setenv("OVERSIGHT_NAMESPACE", namespace)
    yield proxy
    proxy.close()
    with Elasticsearch(url) as es:
        remove(es, namespace)


@pytest.mark.parametrize(
    "counted", ["embedded_url", pytest.param("opensearch_url", marks=pytest.mark.opensearch)], indirect=True
)
def test_a_second_run_sends_at_most_twelve_requests(counted: FaultProxy) -> None:
    assert CliRunner().invoke(command, []).exit_code == 0
    counted.calls.clear()
    second = CliRunner().invoke(command, [])
    assert second.exit_code == 0, second.output
    assert {call.method for call in counted.calls} <= {"GET", "POST"}
    assert 0 < len(counted.calls) <= MOST, [f"{call.method} {call.path}" for call in counted.calls]


@pytest.mark.elasticsearch
@pytest.mark.parametrize("counted", ["elasticsearch_url"], indirect=True)
def test_a_run_that_is_refused_sends_no_more(counted: FaultProxy) -> None:
    """Elasticsearch without its modules: one read shows what it lacks. A first run checks two more features."""
    assert CliRunner().invoke(command, ["--plan"]).exit_code == 1
    assert 0 < len(counted.calls) <= MOST + 2, [f"{call.method} {call.path}" for call in counted.calls]


@pytest.mark.elasticsearch
def test_features_that_our_templates_use_are_not_checked_again(elasticsearch_url: str, namespace: str) -> None:
    """Elasticsearch has index modes, lifecycle and failure store: three requests find that, and later runs
    send none.
    """
    stream = stream_name(namespace)
    template = {"lifecycle": {"enabled": True}, "data_stream_options": {"failure_store": {"enabled": True}}}
    settings = {"template": {"settings": {"index": {"mode": "standard"}}}}
    pipelines = {f"oversight-csv-{namespace}": {"_meta": {"managed_by": "oversight"}}}
    targets = {stream: Target(stream, {}, {})}
    labelled = {PIPELINES: pipelines, COMPONENT_TEMPLATES: {}, INDEX_TEMPLATES: {}}
    first = Stored(namespace, labelled, targets, {})
    held: dict[str, Bodies] = {
        PIPELINES: pipelines,
        COMPONENT_TEMPLATES: {f"oversight-settings-{namespace}": settings},
        INDEX_TEMPLATES: {f"oversight-stream-{namespace}": {"template": template}},
    }
    second, access = Stored(namespace, held, targets, {}), Access("8.19.0", "basic", None)
    with WritesCounted(elasticsearch_url) as es:
        found = read_capabilities(es, access, first, stream)
        assert (found.index_mode, found.lifecycle, found.failure_store) == (True, True, True)
        assert es.requests == 3
        assert read_capabilities(es, access, second, stream) == found
        assert es.requests == 3
