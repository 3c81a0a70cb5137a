"""Problems found before the first write: on real engines where they can show them, otherwise behind a proxy that
returns the documented response of Elasticsearch (too old, full disk, red, missing privileges).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from contract.documents.fields import stream_name
from contract.errors import InputError, SettingsError
from es_pipelines.cluster.condition import read_access
from es_pipelines.cluster.requests import call
from es_pipelines.provision.apply import plan, provision
from es_pipelines.provision.plan import Plan
from es_pipelines.provision.preflight import asked, refusals
from es_pipelines.resources.kind import Action
from oversight.cli import main
from tests.given_engines import PASSWORD
from tests.integration.watcher.proxy import Call, FaultProxy, Reply
from tests.pipelines import KDD99
from tests.provisioning import WritesCounted

HEADERS = {"content-type": "application/json", "x-elastic-product": "Elasticsearch"}
GB = 2**30
MINE = "lab"
STREAM = stream_name(MINE)
ON_THE_EMBEDDED = pytest.mark.parametrize("engine_url", ["embedded"], indirect=True)
"""All engines return templates in the same form."""


@pytest.fixture
def proxy(embedded_url: str) -> Iterator[FaultProxy]:
    """A proxy in front of the embedded engine."""
    found = FaultProxy(embedded_url)
    yield found
    found.close()


def answering(answers: Mapping[str, tuple[int, Any]]) -> Callable[[Call, Callable[[], Reply]], Reply]:
    """Replace the response to requests whose path begins with a key; `/` is the root only."""

    def fault(request: Call, forward: Callable[[], Reply]) -> Reply:
        path = request.path.partition("?")[0]
        for begin, (status, body) in answers.items():
            if path == begin or (begin != "/" and path.startswith(begin)):
                return Reply(status, json.dumps(body).encode(), HEADERS)
        return forward()

    return fault


def planned(proxy: FaultProxy, answers: Mapping[str, tuple[int, Any]]) -> Plan:
    """The plan with these responses of the cluster; planning must not write."""
    proxy.fault = answering(answers)
    with WritesCounted(proxy.url) as es:
        found, _, _ = plan(es, KDD99, namespace=MINE)
        assert es.writes == []
    return found


def _disk(free_gb: int, total_gb: int = 1000) -> tuple[int, Any]:
    return 200, [
        {"node": "node-1", "disk.avail": str(free_gb * GB), "disk.total": str(total_gb * GB)},
        {"node": "UNASSIGNED", "disk.avail": None, "disk.total": None},
    ]


def _settings(**found: Any) -> tuple[int, Any]:
    return 200, {"persistent": found, "transient": {}, "defaults": {}}


_LICENCE = {"license": {"status": "active", "type": "basic"}}
_HEADROOM = {
    "cluster.routing.allocation.disk.watermark.flood_stage": "95%",
    "cluster.routing.allocation.disk.watermark.flood_stage.max_headroom": "10gb",
}


@pytest.mark.parametrize(
    ("answers", "stops", "says"),
    [
        (
            {"/": (200, {"version": {"number": "8.10.4"}})},
            True,
            "Elasticsearch 8.10.4 is too old, expected 8.15 or newer",
        ),
        ({"/_cat/allocation": _disk(30)}, True, "node node-1 has 97 % of its disk in use, past the flood stage (95%)"),
        (
            {"/_cat/allocation": _disk(80)},
            False,
            "node node-1 has 92 % of its disk in use, past the high watermark (90%)",
        ),
        (
            {"/_cat/allocation": _disk(30), "/_cluster/settings": _settings(**_HEADROOM)},
            False,
            "past the high watermark",
        ),
        ({"/_cluster/settings": _settings(**{"cluster.blocks.read_only": "true"})}, True, "the cluster is read-only"),
        ({"/_cluster/health": (200, {"status": "red", "number_of_data_nodes": 0})}, True, "no data node yet"),
        (
            {
                "/_cluster/health": (
                    200,
                    {"status": "red", "indices": {f".ds-{STREAM}-2026.01.01-000001": {"status": "red"}}},
                )
            },
            True,
            f".ds-{STREAM}-2026.01.01-000001 is red",
        ),
        (
            {"/_cluster/health": (200, {"status": "red", "indices": {"metrics-x": {"status": "red"}}})},
            False,
            "red because of metrics-x, which does not belong to Oversight",
        ),
        (
            {"/_nodes/ingest": (200, {"nodes": {"a": {"ingest": {"processors": [{"type": "set"}]}}}})},
            True,
            "a node lacks the ingest processors date",
        ),
    ],
    ids=[
        "too old",
        "flood stage",
        "high watermark",
        "headroom",
        "read-only",
        "no data node",
        "our index red",
        "another index red",
        "no processors",
    ],
)
def test_problems_are_named_before_a_write(
    proxy: FaultProxy, answers: Mapping[str, tuple[int, Any]], stops: bool, says: str
) -> None:
    """A problem that stops the run is in the way and nothing is planned; the others are notes."""
    found = planned(proxy, answers)
    (finding,) = [finding for finding in found.findings if says in finding.says]
    assert finding.stops == stops
    assert "\n" not in finding.says
    assert bool(found.in_the_way) == stops
    assert bool(found.steps) != stops


def test_a_cluster_that_is_starting_is_one_line(
    proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It answers `/` before it has elected a master; the next requests are 503."""
    starting = {"error": {"type": "master_not_discovered_exception", "reason": None}, "status": 503}
    proxy.fault = answering({"/_cluster": (503, starting), "/_security": (400, {}), "/_license": (503, starting)})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELASTICSEARCH_URL", proxy.url)
    with pytest.raises(SystemExit) as ended:
        main(["provision"])
    assert ended.value.code == 1
    said = capsys.readouterr().err.splitlines()
    assert said == [f"oversight: Elasticsearch at {proxy.url} is not ready or is overloaded (503); try again later"]
    assert not [call for call in proxy.calls if call.method in ("PUT", "DELETE")]


@pytest.mark.parametrize("words", [["--plan"], ["--check"]], ids=["plan", "check"])
def test_a_stopped_plan_does_not_say_that_resources_are_missing(
    proxy: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    """The run did not look at the existing resources; both commands end with 1."""
    proxy.fault = answering({"/_cat/allocation": _disk(30)})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELASTICSEARCH_URL", proxy.url)
    with pytest.raises(SystemExit) as ended:
        main(["provision", *words])
    assert ended.value.code == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "the resources were not compared; nothing was written"


def test_a_disk_of_unknown_size_is_no_finding(proxy: FaultProxy) -> None:
    """Some file systems report 0 of 0 bytes."""
    assert planned(proxy, {"/_cat/allocation": _disk(0, 0)}).findings == ()


def test_disks_without_watermarks_are_no_finding(proxy: FaultProxy) -> None:
    """Without watermarks Elasticsearch writes until the disk is full."""
    off = _settings(**{"cluster.routing.allocation.disk.threshold_enabled": "false"})
    assert planned(proxy, {"/_cat/allocation": _disk(30), "/_cluster/settings": off}).findings == ()


def test_the_licence_is_shown_and_every_licence_is_accepted(proxy: FaultProxy) -> None:
    """Oversight runs on any licence; engines without one get no line."""
    assert planned(proxy, {"/_license": (200, _LICENCE)}).facts["licence"] == "basic"
    assert planned(proxy, {}).facts["licence"] == ""


@pytest.mark.elasticsearch
def test_every_missing_privilege_is_named_with_the_request_that_needs_it(secured_url: str, namespace: str) -> None:
    """A real Elasticsearch with security, as a user with a part of the privileges."""
    name, stream = f"oversight-test-{namespace}", stream_name(namespace)
    with Elasticsearch(secured_url, basic_auth=("elastic", PASSWORD)) as admin:
        admin.security.put_role(name=name, cluster=["monitor", "manage_ingest_pipelines"])
        admin.security.put_user(username=name, password=PASSWORD, roles=[name], refresh="wait_for")
        try:
            with Elasticsearch(secured_url, basic_auth=(name, PASSWORD)) as es:
                findings = plan(es, KDD99, namespace=namespace)[0].findings
                assert all(finding.stops for finding in findings)
                said = [finding.says for finding in findings]
                on = f"on index {stream!r}"
                for expected in (
                    "manage_index_templates on the cluster, which `PUT _component_template/*` needs",
                    "manage_index_templates on the cluster, which `PUT _index_template/*` needs",
                    f"create_index {on}, which `PUT _data_stream/*` needs",
                    f"manage {on}, which `PUT */_mapping, PUT */_settings, POST */_rollover` needs",
                ):
                    assert [line for line in said if expected in line], (expected, said)
                assert not [line for line in said if "manage_ingest_pipelines" in line or "monitor" in line]
                with pytest.raises(
                    SettingsError, match=r"^PUT /_component_template/oversight-x is forbidden: .*privilege"
                ):
                    call(es, "PUT", "/_component_template/oversight-x", {"template": {}})
            assert list(refusals(read_access(admin, asked(stream)), stream)) == []
        finally:
            admin.security.delete_user(username=name)
            admin.security.delete_role(name=name)


@pytest.mark.elasticsearch
def test_an_elasticsearch_without_its_modules_is_refused_with_what_it_lacks(
    elasticsearch_url: str, namespace: str
) -> None:
    """The engine has no ingest modules: the preflight finds that out, and nothing is written."""
    with WritesCounted(elasticsearch_url) as es:
        with pytest.raises(InputError, match="nothing was written: a node lacks the ingest processors date"):
            provision(es, KDD99, namespace=namespace)
        assert es.writes == []


@pytest.fixture
def installation(es: Elasticsearch, namespace: str) -> Iterator[str]:
    """A namespace whose resources are removed afterwards."""
    yield namespace
    remove(es, namespace)


def refused(url: str, namespace: str) -> str:
    """The reason why nothing is provisioned there."""
    with WritesCounted(url) as es:
        with pytest.raises(InputError) as caught:
            provision(es, KDD99, namespace=namespace, force=True)
        assert es.writes == []
    return str(caught.value)


@ON_THE_EMBEDDED
def test_a_template_of_higher_priority_is_named(es: Elasticsearch, engine_url: str, installation: str) -> None:
    """It would silently replace our stream's settings and mapping, and the dashboards would stay empty."""
    name = f"theirs-{installation}"
    es.indices.put_index_template(name=name, index_patterns=[f"logs-oversight.*-{installation}"], priority=501)
    try:
        says = refused(engine_url, installation)
        assert f"index template '{name}' (logs-oversight.*-{installation}, priority 501) overrides Oversight's" in says
        es.indices.put_index_template(name=name, index_patterns=[f"logs-oversight.*-{installation}"], priority=499)
        provision(es, KDD99, namespace=installation)
    finally:
        es.indices.delete_index_template(name=name)


@pytest.mark.parametrize("what", ["index", "alias"])
def test_an_existing_index_is_named(es: Elasticsearch, engine_url: str, installation: str, what: str) -> None:
    """A faster shipper created it, or another program: it is not touched, not even with `--force`."""
    stream = stream_name(installation)
    index = stream if what == "index" else f"foreign-{installation}"
    es.indices.create(index=index, aliases={} if what == "index" else {stream: {}})
    try:
        assert "OVERSIGHT_NAMESPACE" in refused(engine_url, installation)
        remove(es, installation)
        assert es.indices.exists(index=index)
    finally:
        es.indices.delete(index=index)


@pytest.mark.opensearch
def test_a_stream_that_a_shipper_created_before_is_named(opensearch_url: str, namespace: str) -> None:
    """Its mapping was guessed from its first document and would never be right."""
    name, stream = f"theirs-{namespace}", stream_name(namespace)
    with Elasticsearch(opensearch_url) as es:
        es.indices.put_index_template(name=name, index_patterns=[stream], priority=100, data_stream={})
        es.indices.create_data_stream(name=stream)
        try:
            assert f"it was made from the template '{name}'" in refused(opensearch_url, namespace)
        finally:
            es.indices.delete_data_stream(name=stream)
            es.indices.delete_index_template(name=name)


def test_foreign_resources_with_our_names_are_all_named_and_never_touched(
    es: Elasticsearch, engine_url: str, installation: str
) -> None:
    """Neither provisioning nor removal overwrites resources of others."""
    pipeline, template = f"oversight-csv-{installation}", f"oversight-model-{installation}"
    es.ingest.put_pipeline(id=pipeline, description="mine", processors=[])
    es.cluster.put_component_template(name=template, template={"settings": {"index.codec": "best_compression"}})
    try:
        says = refused(engine_url, installation)
        assert f"pipeline {pipeline}: it has no mark of Oversight" in says
        assert f"component template {template}: it has no mark of Oversight" in says
        remove(es, installation)
        assert es.ingest.get_pipeline(id=pipeline)[pipeline]["description"] == "mine"
        assert es.cluster.get_component_template(name=template)["component_templates"]
    finally:
        es.ingest.delete_pipeline(id=pipeline)
        es.cluster.delete_component_template(name=template)


@ON_THE_EMBEDDED
def test_resources_of_a_newer_oversight_are_not_downgraded(
    es: Elasticsearch, engine_url: str, installation: str
) -> None:
    """An old command on some machine must not undo an upgrade; the same content is no problem."""
    provision(es, KDD99, namespace=installation)
    name = f"oversight-fields-{installation}"
    stored = dict(es.cluster.get_component_template(name=name)["component_templates"][0]["component_template"])
    stored["_meta"]["oversight"]["version"] = "99.0.0"
    es.cluster.put_component_template(name=name, **_arguments(stored))
    assert {step.action for step in provision(es, KDD99, namespace=installation)} == {Action.UNCHANGED}
    del stored["template"]["mappings"]["properties"]["tags"]
    es.cluster.put_component_template(name=name, **_arguments(stored))
    assert f"{name}: Oversight 99.0.0 wrote it and this is" in refused(engine_url, installation)


def _arguments(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {"template": stored["template"], "meta": stored["_meta"]}


def test_a_stream_that_refuses_events_is_named(es: Elasticsearch, engine_url: str, installation: str) -> None:
    """A full disk leaves such a block behind, and the run writes nothing."""
    stream = stream_name(installation)
    provision(es, KDD99, namespace=installation)
    es.indices.put_settings(index=stream, settings={"index.blocks.read_only_allow_delete": True})
    try:
        says = refused(engine_url, installation)
        assert "it takes no events, because its disk was full (index.blocks.read_only_allow_delete)" in says
        assert f'PUT {stream}/_settings {{"index.blocks.read_only_allow_delete": null}}' in says
    finally:
        es.indices.put_settings(index=stream, settings={"index.blocks.read_only_allow_delete": None})
