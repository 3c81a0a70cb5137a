"""Each part's API key allows what its part does, and nothing else. On the engine with security, over plain indices."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from elasticsearch import AuthorizationException, Elasticsearch, NotFoundError
from werkzeug.datastructures import MultiDict

from console.panels.board import page
from console.panels.indices import Indices
from console.panels.scope import asked
from console.panels.searches import Engine
from contract.documents.alerts import alerts_body, alerts_index
from contract.documents.datasets import CONNECTION
from contract.documents.fields import stream_name
from contract.documents.heartbeats import heartbeat_index
from contract.errors import InputError, SettingsError
from contract.model_summary import MODEL_META, ModelSummary
from es_pipelines.security.keys import make_key, missing_privileges, valid_keys
from es_pipelines.security.own_privileges import own_privileges
from es_pipelines.security.roles import MAIN, PARTS, privileges, role_body, role_name
from es_pipelines.ship.arriving.records import ship_records
from es_pipelines.ship.shipper import ShipConfig, ship
from es_pipelines.ship.target import provisioned_model
from tests import warm
from tests.artifacts import TURBINE, write_model
from tests.given_engines import PASSWORD
from tests.integration.watcher.conftest import Place, events, watch_run
from tests.servers import enrich_service
from tests.unit.console.panel_samples import shown
from tests.waiting import WAIT_S
from watcher.loop import run
from watcher.monitor.heartbeat import read_heartbeats
from watcher.operations.rescore import rescore
from watcher.operations.status import read_status
from watcher.operations.sweep import Limits

pytestmark = pytest.mark.elasticsearch

NAMESPACE, OTHER = "rolesmine", "rolestheirs"
STREAM, ALERTS = stream_name(NAMESPACE), alerts_index(NAMESPACE)
FOREIGN = (stream_name(OTHER), heartbeat_index(OTHER), alerts_index(OTHER), "foreign-index")


@pytest.fixture(scope="module")
def admin(secured_url: str) -> Iterator[Elasticsearch]:
    """A client of the user with every privilege."""
    with Elasticsearch(secured_url, basic_auth=("elastic", PASSWORD), request_timeout=WAIT_S) as es:
        yield es


@pytest.fixture(scope="module")
def enrich_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real enrich service with the small model."""
    with enrich_service(write_model(tmp_path_factory.mktemp("model") / "model.onnx")) as url:
        yield url


@pytest.fixture(scope="module")
def place(admin: Elasticsearch) -> Iterator[Place]:
    """An installation with 20 pending documents; beside it the indices of another installation."""
    ours = Place(admin, STREAM)
    ours.create()
    admin.indices.create(index=ALERTS, **alerts_body())
    admin.index(index=FOREIGN[0], id="theirs", document={"message": "x"})
    admin.ingest.put_pipeline(id=f"oversight-router-{NAMESPACE}", processors=[])
    ours.put(events(20))
    yield ours
    names = [STREAM, heartbeat_index(NAMESPACE), ALERTS, FOREIGN[0]]
    admin.indices.delete(index=names, ignore_unavailable=True)
    admin.ingest.delete_pipeline(id=f"oversight-router-{NAMESPACE}")


@pytest.fixture(scope="module")
def keys(admin: Elasticsearch, secured_url: str, place: Place) -> Iterator[dict[str, Elasticsearch]]:
    """A client for the key of each part."""
    secrets = {name: make_key(admin, part, NAMESPACE) for name, part in PARTS.items()}
    clients = {
        name: Elasticsearch(secured_url, api_key=secret.encoded, request_timeout=WAIT_S)
        for name, secret in secrets.items()
    }
    yield clients
    for client in clients.values():
        client.close()
    admin.security.invalidate_api_key(ids=[secret.id for secret in secrets.values()])


def test_the_watcher_predicts_writes_heartbeats_and_counts_the_queue(
    keys: dict[str, Elasticsearch], place: Place, enrich_url: str
) -> None:
    config = watch_run(STREAM, enrich_url, once=True, namespace=NAMESPACE, heartbeat_s=0.1)
    totals = run(keys["watcher"], config, stop=threading.Event())
    assert (totals.enriched, totals.trouble) == (20, None)
    place.es.indices.refresh(index=heartbeat_index(NAMESPACE))
    assert [one.state for one in read_heartbeats(keys["watcher"], NAMESPACE)] == ["stopped"]
    assert read_status(keys["watcher"], STREAM, namespace=NAMESPACE).enriched == 20
    enriched = {"term": {"oversight.status": "enriched"}}
    swept = rescore(keys["watcher"], STREAM, enriched, limits=Limits(), stop=threading.Event())
    assert swept.changed == 20
    assert run(keys["watcher"], config, stop=threading.Event()).enriched == 20
    assert keys["watcher"].info()["cluster_uuid"]


def test_the_shipper_reads_which_features_the_model_needs(
    keys: dict[str, Elasticsearch], admin: Elasticsearch, place: Place
) -> None:
    """Before its first record, and without a privilege on templates or pipelines."""
    model = ModelSummary.of(TURBINE)
    admin.indices.put_mapping(index=STREAM, meta={MODEL_META: model.to_dict()})
    assert provisioned_model(keys["shipper"], STREAM) == model
    assert model.needed == tuple(feature.name for feature in TURBINE.features)


def test_the_shipper_ships_and_finds_the_stored_events_without_its_registry(
    keys: dict[str, Elasticsearch], admin: Elasticsearch, place: Place, tmp_path: Path
) -> None:
    """The pipeline is empty, because this engine has no processors."""
    admin.indices.put_settings(index=STREAM, settings={"default_pipeline": f"oversight-router-{NAMESPACE}"})
    file = tmp_path / "alpha.csv"
    file.write_text("".join(f"line {number}\n" for number in range(30)), encoding="utf-8")
    before = len(place.all())
    for state, stored in (("first", 30), ("first", 0), ("lost", 0)):
        report = ship(keys["shipper"], [file], ShipConfig(STREAM, tmp_path / state, host="test"))
        assert (report.stored, report.refused) == (stored, 0)
    assert len(place.all()) == before + 30


def test_a_shipper_without_read_privilege_ships_each_line_once_and_warns_of_duplicates(
    admin: Elasticsearch, secured_url: str, place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    admin.indices.put_settings(index=STREAM, settings={"default_pipeline": f"oversight-router-{NAMESPACE}"})
    writes = {"cluster": [MAIN], "indices": [{"names": [STREAM], "privileges": ["create_doc", "view_index_metadata"]}]}
    key = admin.security.create_api_key(name="roles-blind", role_descriptors={"blind": writes})
    file = tmp_path / "blind.csv"
    file.write_text("".join(f"blind {number}\n" for number in range(30)), encoding="utf-8")
    before = len(place.all())
    with Elasticsearch(secured_url, api_key=key["encoded"], request_timeout=WAIT_S) as es:
        with pytest.raises(AuthorizationException):
            es.search(index=STREAM)
        for state, host, stored, there in (
            ("first", "one", 30, 0),
            ("first", "one", 0, 30),
            ("lost", "one", 0, 30),
            ("other", "two", 30, 0),
        ):
            report = ship(es, [file], ShipConfig(STREAM, tmp_path / state, host=host))
            assert (report.stored, report.already_there, report.refused) == (stored, there, 0), state
        records = [orjson.dumps({"event": {"id": f"C{number}"}}) for number in range(5)]
        for stored, there in ((5, 0), (0, 5)):
            config = ShipConfig(STREAM, tmp_path / "records", observer="gate")
            report = ship_records(es, [records], config, source="conn.log")
            assert (report.stored, report.already_there, report.refused) == (stored, there, 0)
    assert len(place.all()) == before + 65
    assert f"may not read {STREAM}" in caplog.text
    assert "stored twice if the response to its request" in caplog.text
    admin.security.invalidate_api_key(ids=[key["id"]])


def test_the_privileges_of_a_key_beyond_its_part_are_named(
    keys: dict[str, Elasticsearch], admin: Elasticsearch, secured_url: str
) -> None:
    for name, es in keys.items():
        own = own_privileges(es, NAMESPACE)
        assert own is not None
        assert (own.who, own.more) == (f"API key {role_name(name, NAMESPACE)}", ())
        assert own.part in ((name,) if name not in ("dashboards", "console") else ("dashboards", "console"))
    own = own_privileges(admin, NAMESPACE)
    assert own is not None
    assert own.who == "user elastic"
    assert {"all on the cluster", "all on *", "run as *"} <= set(own.more)
    before = privileges(PARTS["shipper"], NAMESPACE)
    before["cluster"] = ["monitor"]
    before["indices"][0]["privileges"] = ["create_doc", "maintenance", "read", "view_index_metadata"]
    ids = []
    for descriptors, more in (
        ({"old": before}, ("monitor on the cluster", f"maintenance on {STREAM}")),
        ({"wide": {"indices": [{"names": ["logs-*"], "privileges": ["create_doc"]}]}}, ("create_doc on logs-*",)),
        (None, ("everything that its owner may do",)),
    ):
        key = admin.security.create_api_key(name="roles-more", role_descriptors=descriptors, refresh="true")
        ids.append(key["id"])
        with Elasticsearch(secured_url, api_key=key["encoded"], request_timeout=WAIT_S) as es:
            own = own_privileges(es, NAMESPACE)
        assert own is not None
        assert (own.part, own.more) == ("shipper", more)
    environment = {**os.environ, "ELASTICSEARCH_URL": secured_url, "ELASTICSEARCH_API_KEY": key["encoded"]}
    done = warm.run("check", "--namespace", NAMESPACE, "--json", env=environment, cwd=Path.cwd())
    (said,) = (one for one in json.loads(done.stdout) if one["about"] == "privileges")
    assert (
        "API key roles-more has more privileges than the shipper needs: everything that its owner may do"
        in said["says"]
    )
    admin.security.invalidate_api_key(ids=ids)


def test_dashboards_and_console_read_events_alerts_and_heartbeats(keys: dict[str, Elasticsearch], place: Place) -> None:
    for part in ("dashboards", "console"):
        es = keys[part]
        assert read_status(es, STREAM, namespace=NAMESPACE).watchers is not None
        assert es.search(index=ALERTS)["hits"]["total"]["value"] == 0
        assert "oversight.status" in es.field_caps(index=STREAM, fields="oversight.*")["fields"]
        assert STREAM in es.indices.get_mapping(index=STREAM)
    engine = Engine(lambda: keys["console"], str, timeout_s=30.0)
    for board in shown().pages:
        scope = asked(MultiDict(), board)
        drawn = page(engine, board, scope, indices=Indices(NAMESPACE), colours={}, now_ms=int(time.time() * 1000))
        assert len(drawn["panels"]) == len(board.panels)
        assert "security_exception" not in str(drawn)


def _bulk(es: Elasticsearch, action: dict[str, Any], source: dict[str, Any] | None = None) -> None:
    """Send a bulk request of one action; raise its item's 403 like the 403 of a request."""
    answer = es.bulk(operations=[action, *([source] if source is not None else [])])
    (item,) = answer["items"]
    (outcome,) = item.values()
    if outcome.get("status") == 403:
        raise AuthorizationException("security_exception", answer.meta, outcome)
    assert outcome["status"] < 300, outcome


def _id(place: Place) -> str:
    return next(iter(place.all()))


FORBIDDEN: dict[str, Callable[[Elasticsearch], object]] = {
    "delete the stream": lambda es: es.indices.delete(index=STREAM),
    "close the stream": lambda es: es.indices.close(index=STREAM),
    "change its settings": lambda es: es.indices.put_settings(index=STREAM, settings={"number_of_replicas": 1}),
    "make an index": lambda es: es.indices.create(index=f"{STREAM}-more"),
    "name an alias": lambda es: es.indices.put_alias(index=STREAM, name="roles-alias"),
    "change the cluster's settings": lambda es: es.cluster.put_settings(
        persistent={"indices.recovery.max_bytes_per_sec": "1mb"}
    ),
    "write an index template": lambda es: es.indices.put_index_template(name="roles-t", index_patterns=["roles-x"]),
    "write a pipeline": lambda es: es.ingest.put_pipeline(id="roles-p", processors=[]),
    "write a role": lambda es: es.security.put_role(name="roles-r", cluster=["all"]),
    "make a user": lambda es: es.security.put_user(username="roles-u", password="long-enough", roles=["superuser"]),
    "make a key": lambda es: es.security.create_api_key(
        name="roles-k", role_descriptors={"none": {"cluster": ["none"]}}
    ),
    "list the keys": lambda es: es.security.get_api_key(),
    "read the cluster's state": lambda es: es.cluster.state(metric="metadata"),
    "read the nodes": lambda es: es.nodes.info(),
    "read the cluster's settings": lambda es: es.cluster.get_settings(),
    "read a pipeline": lambda es: es.ingest.get_pipeline(id=f"oversight-router-{NAMESPACE}"),
    "list the indices": lambda es: es.indices.stats(),
    "merge the stream": lambda es: es.indices.forcemerge(index=STREAM),
    "flush the stream": lambda es: es.indices.flush(index=STREAM),
    "search everywhere": lambda es: es.search(index="foreign-index,logs-*"),
}
"""Requests that no part may send."""


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_key_manages_anything(keys: dict[str, Elasticsearch], what: str) -> None:
    for part, es in keys.items():
        refused = False
        try:
            FORBIDDEN[what](es)
        except AuthorizationException:
            refused = True
        assert refused, f"the {part}'s key may {what}"


def test_no_key_reaches_another_index_or_installation(keys: dict[str, Elasticsearch]) -> None:
    for es in keys.values():
        for index in FOREIGN:
            for request in (
                lambda: es.get(index=index, id="theirs"),  # noqa: B023  called at once
                lambda: es.search(index=index),  # noqa: B023
                lambda: es.indices.get(index=index),  # noqa: B023
                lambda: _bulk(es, {"create": {"_index": index}}, {"x": 1}),  # noqa: B023
                lambda: _bulk(es, {"update": {"_index": index, "_id": "theirs"}}, {"doc": {"x": 1}}),  # noqa: B023
            ):
                with pytest.raises(AuthorizationException):
                    request()


def test_no_part_deletes_events_and_only_watcher_and_analyst_change_them(
    keys: dict[str, Elasticsearch], place: Place
) -> None:
    doc_id = _id(place)
    for part, es in keys.items():
        with pytest.raises(AuthorizationException):
            _bulk(es, {"delete": {"_index": STREAM, "_id": doc_id}})
        with pytest.raises(AuthorizationException):
            es.delete(index=STREAM, id=doc_id)
        if part not in ("watcher", "analyst"):
            with pytest.raises(AuthorizationException):
                _bulk(es, {"update": {"_index": STREAM, "_id": doc_id}}, {"doc": {"oversight": {"status": "enriched"}}})
            with pytest.raises(AuthorizationException):
                _bulk(es, {"index": {"_index": STREAM, "_id": doc_id}}, {"message": "another"})
        if part in ("dashboards", "console"):
            with pytest.raises(AuthorizationException):
                _bulk(es, {"create": {"_index": STREAM}}, {"message": "new"})
            with pytest.raises(AuthorizationException):
                es.indices.put_mapping(index=STREAM, properties={"x": {"type": "keyword"}})
            with pytest.raises(AuthorizationException):
                _bulk(es, {"index": {"_index": heartbeat_index(NAMESPACE)}}, {"watcher": {"id": "false"}})
    with pytest.raises(AuthorizationException):
        keys["shipper"].search(index=heartbeat_index(NAMESPACE))


def test_a_late_write_does_not_recreate_a_deleted_stream(
    admin: Elasticsearch, secured_url: str, tmp_path: Path
) -> None:
    """No part may create it, so no index without template and pipeline appears; the message names what to do."""
    stream = stream_name("rolesgone")
    secrets = {name: make_key(admin, PARTS[name], "rolesgone") for name in ("shipper", "watcher")}
    with Elasticsearch(secured_url, api_key=secrets["watcher"].encoded) as es, pytest.raises(AuthorizationException):
        _bulk(es, {"update": {"_index": stream, "_id": "1"}}, {"doc": {}})
    (tmp_path / "a.csv").write_text("x\n", encoding="utf-8")
    with (
        Elasticsearch(secured_url, api_key=secrets["shipper"].encoded) as es,
        pytest.raises(InputError, match=rf"{stream} is not provisioned.*run `oversight provision` first"),
    ):
        ship(es, [tmp_path / "a.csv"], ShipConfig(stream, tmp_path / "state", host="test"))
    admin.security.invalidate_api_key(ids=[secret.id for secret in secrets.values()])
    with pytest.raises(NotFoundError):
        admin.indices.get(index=stream)


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_privilege_is_named_with_the_call_that_needs_it(
    admin: Elasticsearch, secured_url: str, place: Place, part: str
) -> None:
    nothing = {"none": {"cluster": ["none"], "indices": [{"names": ["nothing"], "privileges": ["none"]}]}}
    key = admin.security.create_api_key(name="oversight-test-less", role_descriptors=nothing, refresh=False)
    with Elasticsearch(secured_url, api_key=key["encoded"], request_timeout=WAIT_S) as es:
        said = missing_privileges(es, PARTS[part], NAMESPACE)
    expected = [f"{name} ({does})" for name, does in PARTS[part].cluster.items()]
    for grant in PARTS[part].grants:
        expected += [
            f"{name} on {grant.index(NAMESPACE, CONNECTION)} ({does})" for name, does in grant.privileges.items()
        ]
    assert said == expected


def test_a_key_that_could_do_less_than_its_part_is_not_left_behind(admin: Elasticsearch, secured_url: str) -> None:
    """Elasticsearch silently limits a key to the privileges of its creator."""
    admin.security.put_role(name="roles-keymaker", cluster=["manage_security"], indices=[])
    admin.security.put_user(username="roles-keymaker", password=PASSWORD, roles=["roles-keymaker"])
    with Elasticsearch(secured_url, basic_auth=("roles-keymaker", PASSWORD), request_timeout=WAIT_S) as es:
        with pytest.raises(
            SettingsError,
            match=rf"lacks privileges .*create_doc on {STREAM} \(bulk requests that create; .*sign in as a user",
        ):
            make_key(es, PARTS["shipper"], NAMESPACE)
        assert "shipper" in valid_keys(es, NAMESPACE)
        names = [
            one["name"] for one in admin.security.get_api_key(username="roles-keymaker", active_only=True)["api_keys"]
        ]
    admin.security.delete_user(username="roles-keymaker")
    admin.security.delete_role(name="roles-keymaker")
    assert names == []


def test_elasticsearch_accepts_the_roles_and_they_equal_the_keys(admin: Elasticsearch) -> None:
    for name, part in PARTS.items():
        role = role_name(name, NAMESPACE)
        admin.security.put_role(name=role, **role_body(part, NAMESPACE))
        stored = admin.security.get_role(name=role)[role]
        admin.security.delete_role(name=role)
        assert stored["cluster"] == sorted(part.cluster)
        assert [grant["names"] for grant in stored["indices"]] == [
            [grant.index(NAMESPACE, CONNECTION)] for grant in part.grants
        ]
        assert not [name for grant in stored["indices"] for name in grant["names"] if "*" in name]
