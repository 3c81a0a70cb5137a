"""What only Elastic's own images can show, in the stack of docker-compose.yml: docs/known-limits.md names it.

`make test-stack` runs these tests, on a machine that can pull the images. Elsewhere they are skipped with the reason.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from contract.documents.alerts import alerts_index
from contract.documents.fields import stream_name
from tests.docker.engine import BUILD_WAIT_S, Engine
from tests.docker.images import checkout
from tests.docker.stack import ELASTIC, LINES, PROFILES, Stack, basic
from tests.waiting import wait_until

pytestmark = pytest.mark.stack
STREAM = stream_name("default")
KIBANA = "https://localhost:5601"


@pytest.fixture(scope="module")
def elastic(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, with the images that docker-compose.yml names."""
    made = Stack(docker, checkout(tmp_path_factory.mktemp("checkout")), {})
    made.write_env()
    for image in (one["image"] for one in made.services() if "build" not in one):
        if docker.run("image", "inspect", image, check=False).returncode:
            pulled = docker.run("pull", image, check=False, wait_s=BUILD_WAIT_S)
            if pulled.returncode:
                pytest.skip(f"the image {image} cannot be pulled: {pulled.stderr.strip()[-300:]}")
    try:
        made.up(*PROFILES)
        yield made
    finally:
        made.down()


def as_part(elastic: Stack, part: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> int:
    """Return the status of a request to Elasticsearch with the key of a part."""
    words = ("--entrypoint", "cat", "provision", f"/keys/{part}/key.env")
    line = elastic.compose("run", "--rm", "--no-deps", "--no-TTY", *words).stdout.strip()
    headers = {"Authorization": f"ApiKey {line.partition('=')[2]}"}
    return elastic.request(method, f"{ELASTIC}/{path}", body, **headers)[0]


def kibana(elastic: Stack, path: str) -> Any:
    """Return what Kibana responds to the user elastic."""
    status, text = elastic.get(f"{KIBANA}{path}", **elastic.superuser)
    assert status == 200, text
    return json.loads(text)


def test_records_become_predictions_in_a_data_stream_under_security(elastic: Stack) -> None:
    """Over the shipper's and the watcher's keys, which Elasticsearch compares with each request."""
    found = elastic.predictions(elastic.ship(LINES), len(LINES))
    assert all(event["oversight"]["prediction"]["label"] for event in found)
    assert elastic.ask(f"_data_stream/{STREAM}")["data_streams"][0]["name"] == STREAM


def test_the_stream_has_the_lifecycle_the_failure_store_and_the_mode_that_provision_asked_for(elastic: Stack) -> None:
    (stream,) = elastic.ask(f"_data_stream/{STREAM}")["data_streams"]
    (template,) = elastic.ask(f"_index_template/{stream['template']}")["index_templates"]
    wanted = template["index_template"]["template"]
    assert stream["lifecycle"]["data_retention"] == wanted["lifecycle"]["data_retention"]
    assert stream["failure_store"]["enabled"] is True
    settings = elastic.ask(f"{STREAM}/_settings?flat_settings=true")
    assert {one["settings"]["index.mode"] for one in settings.values()} == {"standard"}


def test_a_shipper_can_only_create_and_adds_no_field_to_the_mapping(elastic: Stack) -> None:
    before = elastic.ask(f"{STREAM}/_mapping")
    event = {"@timestamp": "2026-01-01T00:00:00Z", "message": LINES[0], "added": {"by": "a shipper"}}
    assert as_part(elastic, "shipper", "PUT", f"{STREAM}/_create/of-a-shipper", event) == 201
    (stream,) = elastic.ask(f"_data_stream/{STREAM}")["data_streams"]
    backing = stream["indices"][-1]["index_name"]
    assert as_part(elastic, "shipper", "PUT", f"{backing}/_doc/of-a-shipper", event) == 403
    assert as_part(elastic, "shipper", "DELETE", f"{backing}/_doc/of-a-shipper") == 403
    assert as_part(elastic, "shipper", "PUT", f"{STREAM}/_mapping", {"properties": {}}) == 403
    assert as_part(elastic, "shipper", "GET", "_search") == 403
    assert elastic.ask(f"{STREAM}/_mapping") == before


def test_kibana_has_every_dashboard_and_finds_what_each_refers_to(elastic: Stack) -> None:
    boards = kibana(elastic, "/api/saved_objects/_find?type=dashboard&per_page=100")["saved_objects"]
    ours = [board for board in boards if board["id"].startswith("oversight-")]
    assert "Oversight Dashboard" in {board["attributes"]["title"] for board in ours}
    for board in ours:
        for reference in board["references"]:
            kibana(elastic, f"/api/saved_objects/{reference['type']}/{reference['id']}")


def test_a_person_with_the_dashboards_role_sees_them_and_cannot_change_them(elastic: Stack) -> None:
    password = secrets.token_urlsafe(16)
    person = {"password": password, "roles": ["oversight-dashboards-default"]}
    assert elastic.request("PUT", f"{ELASTIC}/_security/user/reader", person, **elastic.superuser)[0] == 200
    given = basic("reader", password)
    status, text = elastic.get(f"{KIBANA}/api/saved_objects/_find?type=dashboard&per_page=100", **given)
    assert status == 200, text
    boards = [one["id"] for one in json.loads(text)["saved_objects"] if one["id"].startswith("oversight-")]
    assert boards
    change = {"attributes": {"title": "changed"}}
    path = f"{KIBANA}/api/saved_objects/dashboard/{boards[0]}"
    assert elastic.request("PUT", path, change, **given, **{"kbn-xsrf": "true"})[0] == 403


def test_the_rules_run_and_an_attack_becomes_an_alert_document_with_its_words(elastic: Stack) -> None:
    """Kibana's own Mustache fills the documents in. The simulator's traffic has attacks."""
    elastic.compose("run", "--rm", "--no-deps", "kibana-import", "kibana", "rules")

    def outcomes() -> set[str]:
        rules = kibana(elastic, "/api/alerting/rules/_find?per_page=100")["data"]
        return {rule["execution_status"]["status"] for rule in rules if "oversight" in rule["tags"]}

    wait_until(lambda: bool(outcomes()) and outcomes() <= {"ok", "active"}, "every rule to have run without an error")
    place = f"{alerts_index('default')}/_search?ignore_unavailable=true"
    wait_until(lambda: bool(elastic.ask(place)["hits"]["hits"]), "an alert document")
    for hit in elastic.ask(place)["hits"]["hits"]:
        assert "{{" not in json.dumps(hit["_source"])
        assert hit["_source"]["rule"]["name"]


def test_removal_leaves_nothing(elastic: Stack) -> None:
    elastic.compose(*PROFILES, "stop", "simulator", "watcher")
    elastic.compose("run", "--rm", "--no-deps", "kibana-import", "kibana", "remove")
    elastic.compose("run", "--rm", "--no-deps", "provision", "provision", "--remove", "--with-data")
    boards = kibana(elastic, "/api/saved_objects/_find?type=dashboard&per_page=100")["saved_objects"]
    assert not [board["id"] for board in boards if board["id"].startswith("oversight-")]
    assert not [name for name in elastic.ask("_ingest/pipeline") if name.startswith("oversight-")]
    for place in (f"_data_stream/{STREAM}", alerts_index("default"), "_security/role/oversight-watcher-default"):
        assert elastic.get(f"{ELASTIC}/{place}", **elastic.superuser)[0] == 404, place
