"""Every way in which a cluster can refuse a request becomes one line that says what to do."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from common.settings.connections import ElasticsearchSettings
from contract.documents.heartbeats import heartbeat_index
from contract.errors import EngineUnavailableError, SettingsError
from oversight.cli import main
from oversight.client.cluster import connect, explain
from oversight.demo.ports import free_port
from tests.artifacts import write_model
from tests.certificates import certify, needs_openssl
from tests.given_engines import PASSWORD
from tests.integration.watcher.conftest import Place, events, watch_run
from tests.integration.watcher.proxy import Reply, proxied
from tests.servers import enrich_service
from tests.waiting import WAIT_S
from watcher.loop import run
from watcher.monitor.heartbeat import read_heartbeats
from watcher.totals import Totals


@contextmanager
def _server(status: int, headers: dict[str, str], body: bytes, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A web server that gives every request the same response."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  the name that http.server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the parameter's name in http.server
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a failed handshake is what a test wants
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_running_server_is_accepted(embedded_url: str) -> None:
    with connect(ElasticsearchSettings(url=embedded_url)) as es:
        assert es.info()["version"]["number"].startswith("8.")


def test_a_port_without_a_server() -> None:
    with pytest.raises(
        EngineUnavailableError, match=r"cannot reach Elasticsearch at http://127.*set ELASTICSEARCH_URL"
    ) as caught:
        connect(ElasticsearchSettings(url=f"http://127.0.0.1:{free_port()}"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"Content-Type": "text/html"}, b"<html>hello</html>"),
        (200, {"Content-Type": "application/json"}, b'{"version":{}}'),
    ],
)
def test_a_product_that_is_not_elasticsearch(status: int, headers: dict[str, str], body: bytes) -> None:
    with _server(status, headers, body) as url, pytest.raises(SettingsError, match="not Elasticsearch"):
        connect(ElasticsearchSettings(url=url))


def test_a_path_that_does_not_exist() -> None:
    with (
        _server(404, {"Content-Type": "text/plain"}, b"no such page") as url,
        pytest.raises(SettingsError, match="not Elasticsearch"),
    ):
        connect(ElasticsearchSettings(url=url))


@pytest.mark.parametrize("page", [(b"<html>It works!</html>", "text/html"), (b"{}", "application/json")])
def test_a_gateways_page_is_never_read_as_a_response_of_elasticsearch(
    embedded_url: str, page: tuple[bytes, str]
) -> None:
    """It has status 200 after the client has verified the server: as a response it would end a watcher, or find
    nothing.
    """
    body, kind = page
    with proxied(embedded_url) as proxy, connect(ElasticsearchSettings(url=proxy.url)) as es:
        assert es.search(size=0)["hits"]["hits"] == []
        proxy.fault = lambda call, forward: Reply(200, body, {"content-type": kind})
        asks: list[Callable[[], object]] = [
            es.search,
            es.info,
            lambda: es.open_point_in_time(index="*", keep_alive="1m"),
        ]
        for ask in asks:
            with pytest.raises(TransportError, match="another server responded, without the header X-Elastic-Product"):
                ask()
        proxy.fault = None
        assert es.info()["version"]


NONSENSE = {
    "a list": b"[]",
    "nothing": b"null",
    "an empty object": b"{}",
    "no JSON": b"nonsense",
    "half of it": b'{"version": {"number": "8.19.0"}}',
    "deep": b"[" * 100_000,
    "the right keys with wrong values": json.dumps(
        {
            "version": {"number": "8.19.0"},
            "cluster_uuid": "u",
            "hits": {"hits": [1]},
            "_shards": {"total": 1},
            "count": "x",
            "items": [3],
            "id": 7,
            "docs": 1,
            "data_streams": 3,
            "aggregations": {},
        }
    ).encode(),
}
COMMANDS_THAT_ASK = (
    ("provision", "--plan"),
    ("provision",),
    ("ship", "row.csv"),
    ("status",),
    ("check",),
    ("retry", "--yes"),
    ("verdict", "an-id", "false_positive"),
    ("labels", "export", "--output", "o.csv"),
    ("evaluate",),
)


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
def test_a_server_with_invalid_responses_is_named_in_one_line(
    body: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It claims to be Elasticsearch, but its responses are unreadable: one line and exit 1, never a traceback."""
    (tmp_path / "row.csv").write_text("0,tcp,http\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OVERSIGHT_STATE", str(tmp_path / "state"))
    with _server(200, {"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch"}, body) as url:
        monkeypatch.setenv("ELASTICSEARCH_URL", url)
        for command in COMMANDS_THAT_ASK:
            with pytest.raises(SystemExit) as ended:
                main(list(command))
            said = capsys.readouterr()
            assert ended.value.code == 1, command
            assert "Traceback" not in said.out + said.err
            assert len(said.err.splitlines()) == 1 or (command == ("check",) and "no  Elasticsearch" in said.out), (
                command
            )


def test_a_cluster_that_is_overloaded() -> None:
    answer = {"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch"}
    with _server(503, answer, b"{}") as url, pytest.raises(EngineUnavailableError, match="overloaded"):
        connect(ElasticsearchSettings(url=url))


@pytest.mark.elasticsearch
def test_missing_and_wrong_credentials_have_different_messages(secured_url: str) -> None:
    """A user who set none need not look for a typing error; a secret is never repeated."""
    wrong = ElasticsearchSettings.model_validate(
        {"url": secured_url, "username": "elastic", "password": "wrong-secret"}
    )
    key = ElasticsearchSettings.model_validate({"url": secured_url, "api_key": "bm8tc3VjaC1pZDp3cm9uZy1zZWNyZXQ="})
    expected = {
        "asks for credentials, and none were sent (401); set ELASTICSEARCH_API_KEY": ElasticsearchSettings(
            url=secured_url
        ),
        "refuses the credentials (401: unable to authenticate user [elastic]": wrong,
        "refuses the credentials (401: API key: unable to find apikey with id no-such-id)": key,
    }
    for says, settings in expected.items():
        with pytest.raises(SettingsError) as caught:
            connect(settings)
        assert says in str(caught.value)
        assert "wrong-secret" not in str(caught.value)


@pytest.mark.elasticsearch
def test_a_missing_privilege_names_the_key_that_lacks_it(secured_url: str) -> None:
    """The key lacks it, not the user who made the key: more privileges for the user would not help."""
    with connect(
        ElasticsearchSettings.model_validate({"url": secured_url, "username": "elastic", "password": PASSWORD})
    ) as es:
        made = es.security.create_api_key(
            name="oversight-test-little",
            role_descriptors={"r": {"cluster": ["monitor"], "indices": [{"names": ["seen"], "privileges": ["read"]}]}},
        )
    little = ElasticsearchSettings.model_validate({"url": secured_url, "api_key": made["encoded"]})
    with connect(little) as es:
        asks: list[tuple[Callable[[], object], str]] = [
            (
                lambda: es.search(index="unseen"),
                "indices:data/read/search on unseen (403); it needs the index privilege read",
            ),
            (
                lambda: es.cluster.put_settings(persistent={"cluster.max_shards_per_node": 1000}),
                "cluster:admin/settings/update (403); it needs the cluster privilege manage",
            ),
        ]
        for ask, needs in asks:
            with pytest.raises(ApiError) as caught:
                ask()
            said = str(explain(caught.value, secured_url))
            assert f"does not let the API key with id {made['id']} do {needs}" in said
            assert "elastic" not in said.split("Elasticsearch at", 1)[1].split("does not", 1)[1]


@pytest.mark.elasticsearch
def test_tls_on_a_plain_port_is_not_reported_as_a_certificate_error(secured_url: str) -> None:
    with pytest.raises(SettingsError, match=r"does not use TLS; set ELASTICSEARCH_URL=http://127") as caught:
        connect(ElasticsearchSettings(url=secured_url.replace("http:", "https:")))
    assert "CA_CERTS" not in str(caught.value)


@needs_openssl
def test_tls_that_fails_says_why(tmp_path: Path) -> None:
    """A plain request, an unknown authority, and a certificate for another name need three different fixes."""
    pem = certify(tmp_path, "cluster")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, pem.with_suffix(".key"))
    with _server(200, {}, b"{}", tls=context) as url:
        secure = url.replace("http:", "https:")
        for settings, says in (
            (ElasticsearchSettings(url=url), f"if it uses TLS, set ELASTICSEARCH_URL={secure}"),
            (ElasticsearchSettings(url=secure), "set ELASTICSEARCH_CA_CERTS to the cluster's CA certificate"),
            (
                ElasticsearchSettings(url=secure.replace("127.0.0.1", "localhost"), ca_certs=pem),
                "is for another host name",
            ),
        ):
            with pytest.raises((EngineUnavailableError, SettingsError)) as caught:
                connect(settings)
            assert says in str(caught.value)


@pytest.mark.elasticsearch
def test_a_password_and_an_api_key_are_accepted(secured_url: str) -> None:
    with connect(
        ElasticsearchSettings.model_validate({"url": secured_url, "username": "elastic", "password": PASSWORD})
    ) as es:
        key = es.security.create_api_key(name="oversight-test")["encoded"]
    with connect(ElasticsearchSettings.model_validate({"url": secured_url, "api_key": key})) as es:
        assert es.security.authenticate()["authentication_type"] == "api_key"


def test_an_invalid_certificate_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"ca\.pem cannot be read as certificates"):
        connect(ElasticsearchSettings(url="https://127.0.0.1:9200", ca_certs=file))


STREAM = "logs-oversight.connection-least"
WRITER = {"names": ["logs-oversight.connection-*"], "privileges": ["read", "index"]}
HEARTBEATS = {"names": ["oversight-watchers-*"], "privileges": ["create_index", "index", "read"]}


@pytest.fixture(scope="module")
def enrich_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real enrich service with the small model."""
    with enrich_service(write_model(tmp_path_factory.mktemp("model") / "model.onnx")) as url:
        yield url


@pytest.fixture
def stream(secured_url: str) -> Iterator[Elasticsearch]:
    """A superuser's client, and an index with the name of our stream and 20 pending documents."""
    with Elasticsearch(secured_url, basic_auth=("elastic", PASSWORD), request_timeout=WAIT_S) as es:
        place = Place(es, STREAM)
        place.create()
        place.put(events(20))
        yield es
        es.indices.delete(index=[STREAM, heartbeat_index("least")], ignore_unavailable=True)


def _watch(es: Elasticsearch, url: str, enrich_url: str, *indices: object) -> Totals:
    """Run a watcher with an API key that has exactly these privileges."""
    roles = {"watcher": {"indices": list(indices)}}
    key = es.security.create_api_key(name="oversight-test-watcher", role_descriptors=roles)["encoded"]
    config = watch_run(STREAM, enrich_url, once=True, namespace="least", heartbeat_s=0.1)
    with Elasticsearch(url, api_key=key, request_timeout=WAIT_S) as limited:
        return run(limited, config, stop=threading.Event())


@pytest.mark.elasticsearch
def test_a_key_that_reads_and_updates_the_stream_is_enough_to_watch(
    secured_url: str, stream: Elasticsearch, enrich_url: str
) -> None:
    totals = _watch(stream, secured_url, enrich_url, WRITER, HEARTBEATS)
    assert (totals.enriched, totals.trouble) == (20, None)
    assert Place(stream, STREAM).versions() == {2}
    stream.indices.refresh(index=heartbeat_index("least"))
    assert [one.state for one in read_heartbeats(stream, "least")] == ["stopped"]


@pytest.mark.elasticsearch
def test_without_the_privilege_for_heartbeats_only_heartbeats_are_missing(
    secured_url: str, stream: Elasticsearch, enrich_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    totals = _watch(stream, secured_url, enrich_url, WRITER)
    assert (totals.enriched, totals.trouble) == (20, None)
    lines = [record.message for record in caplog.records if record.name == "watcher.monitor.heartbeat"]
    assert len(lines) == 1
    assert "privileges create_index, index and read on 'oversight-watchers-least*'" in lines[0]


@pytest.mark.elasticsearch
@pytest.mark.parametrize("privileges", [["read"], ["index"], ["view_index_metadata"]])
def test_a_missing_privilege_on_the_stream_is_named_with_the_fix(
    secured_url: str, stream: Elasticsearch, enrich_url: str, privileges: list[str]
) -> None:
    totals = _watch(stream, secured_url, enrich_url, {**WRITER, "privileges": privileges}, HEARTBEATS)
    assert totals.enriched == 0
    assert totals.trouble is not None
    assert STREAM in totals.trouble
    assert "`read` and `index` on it" in totals.trouble
    assert set(Place(stream, STREAM).statuses()) == {"pending"}
