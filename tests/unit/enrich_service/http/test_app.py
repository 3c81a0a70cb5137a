"""The routes: statuses, tokens and error bodies, without a server."""

from __future__ import annotations

import gc
import gzip
import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Semaphore
from typing import Any

import numpy as np
import onnxruntime
import pytest
from flask.testing import FlaskClient
from onnx import TensorProto, helper, numpy_helper

from common.access.tokens import Tokens
from contract.artifact.proof import proof_in_words
from contract.distribution import own_version
from contract.errors import ArtifactError
from enrich_service.http.app import create_app, routes_of
from enrich_service.model.artifact import Artifact, load
from enrich_service.predict.compute_slots import LARGE_BYTES, cores
from enrich_service.settings import ServeSettings
from tests.artifacts import HEALTHY, HOT, TURBINE, write_model
from tests.waiting import WAIT_S

TOKEN = "correct horse battery staple ü"
PAGE = {"documents": [{"id": "1", "source": HEALTHY}, {"id": "2", "source": {}}, {"id": "1", "source": HOT}]}
BODY = json.dumps(PAGE).encode()


@pytest.fixture
def client(turbine: Artifact) -> FlaskClient:
    return create_app(turbine, ServeSettings(max_body_bytes=2000, max_documents=5)).test_client()


@pytest.fixture
def guarded(turbine: Artifact) -> FlaskClient:
    return create_app(turbine, ServeSettings(), tokens=Tokens(TOKEN)).test_client()


def quiet() -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return options


def fails_above(temperature_c: int) -> Callable[[Any], None]:
    """A graph with a table of this many rows, indexed by the temperature: above it ONNX Runtime raises an error."""

    def change(model: Any) -> None:
        graph = model.graph
        graph.initializer.append(numpy_helper.from_array(np.ones((temperature_c, 1), np.float32), "table"))
        graph.initializer.append(numpy_helper.from_array(np.array(0, np.int64), "first"))
        softmax = next(node for node in graph.node if node.op_type == "Softmax")
        softmax.input[0] = "looked_up"
        for node in (
            helper.make_node("Gather", ["numeric", "first"], ["temperature"], axis=1),
            helper.make_node("Cast", ["temperature"], ["index"], to=TensorProto.INT64),
            helper.make_node("Gather", ["table", "index"], ["ones"]),
            helper.make_node("Mul", ["logits", "ones"], ["looked_up"]),
        ):
            graph.node.insert(list(graph.node).index(softmax), node)

    return change


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.encode().decode('latin-1')}"}


def test_each_document_has_its_result_in_order(client: FlaskClient, turbine: Artifact) -> None:
    """A bad document never fails its neighbours, and ids may repeat."""
    answer = client.post("/v1/enrich", json=PAGE)
    assert answer.status_code == 200
    body = answer.get_json()
    assert body["model"] == {"id": "turbine", "version": turbine.version}
    assert [result["id"] for result in body["results"]] == ["1", "2", "1"]
    assert [sorted(result) for result in body["results"]] == [["fields", "id"], ["error", "id"], ["fields", "id"]]
    assert body["results"][1]["error"]["type"] == "missing_feature"
    assert body["results"][1]["error"]["field"] == "turbine.temperature_c"


def test_no_documents_give_no_results(client: FlaskClient) -> None:
    """An empty page is valid."""
    assert client.post("/v1/enrich", json={"documents": []}).get_json()["results"] == []


def test_a_compressed_page_is_answered_like_a_plain_one(client: FlaskClient) -> None:
    """Content-Encoding: gzip."""
    packed = client.post(
        "/v1/enrich",
        data=gzip.compress(json.dumps(PAGE).encode()),
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
    )
    assert packed.get_json() == client.post("/v1/enrich", json=PAGE).get_json()


def test_the_model_page_says_what_to_send(client: FlaskClient) -> None:
    """The watcher sends only these fields."""
    page = client.get("/v1/model").get_json()
    assert page["fields"] == ["turbine.temperature_c", "turbine.state.mode", "turbine.vibration_mm_s"]
    assert page["heldout"] == {"rows": 30, "accuracy": 0.97}
    assert page["contract"] == TURBINE.to_dict()
    assert page["proof"] == "none"
    assert page["proof_in_words"] == proof_in_words(TURBINE)


def test_the_open_inference_protocol_describes_the_model(client: FlaskClient, turbine: Artifact) -> None:
    """Names, datatypes and shapes in the protocol's terms."""
    assert client.get("/v2").get_json() == {"name": "oversight-enrich", "version": own_version(), "extensions": []}
    page = client.get("/v2/models/turbine").get_json()
    assert page["versions"] == [turbine.version]
    assert page["inputs"] == [
        {"name": "numeric", "datatype": "FP32", "shape": [-1, 2]},
        {"name": "categorical", "datatype": "BYTES", "shape": [-1, 1]},
    ]
    assert page["outputs"][0] == {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]}
    assert client.get("/v2/models/turbine/ready").get_json() == {"name": "turbine", "ready": True}
    assert client.get("/v2/health/live").get_json() == {"live": True}
    assert client.get("/v2/health/ready").get_json() == {"ready": True}


@pytest.mark.parametrize(
    ("request_", "status", "kind"),
    [
        ({"path": "/v1/enrich", "data": b"{", "content_type": "application/json"}, 400, "invalid_json"),
        ({"path": "/v1/enrich", "json": {"documents": [5]}}, 422, "wrong_shape"),
        ({"path": "/v1/enrich", "json": {"documents": [{"id": "1", "source": {}}] * 6}}, 413, "too_many_documents"),
        ({"path": "/v1/enrich", "json": {"documents": [], "x": "y" * 3000}}, 413, "request_too_large"),
        ({"path": "/v1/enrich", "data": b"{}", "content_type": "text/plain"}, 415, "unsupported_media_type"),
        ({"path": "/v1/enrich", "data": b"{}"}, 415, "unsupported_media_type"),
        ({"path": "/v1/enrich", "method": "GET"}, 405, "method_not_allowed"),
        ({"path": "/v1/enrich/", "json": {}}, 404, "not_found"),
        ({"path": "/v1/model", "json": {}}, 405, "method_not_allowed"),
        ({"path": "/", "method": "GET"}, 404, "not_found"),
        ({"path": "/v1//model", "method": "GET"}, 404, "not_found"),
        ({"path": "/v1/%00%ff", "method": "PUT"}, 404, "not_found"),
    ],
)
def test_every_refusal_has_its_status_and_type(
    client: FlaskClient, request_: dict[str, Any], status: int, kind: str
) -> None:
    """`{"error": {"type", "message"}}`, with the message in one line."""
    answer = client.open(**{"method": "POST", **request_})
    assert answer.status_code == status
    error = answer.get_json()["error"]
    assert set(error) == {"type", "message"}
    assert error["type"] == kind
    assert "\n" not in error["message"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"data": b"[]"}, 422),
        ({"data": BODY[:-1] + b' , "x": "\\ud800"}'}, 200),
        ({"content_type": "application/json; charset=utf-8"}, 200),
        ({"environ_overrides": {"CONTENT_LENGTH": str(len(BODY) + 1)}}, 400),
        ({"environ_overrides": {"CONTENT_LENGTH": "9" * 30}}, 413),
    ],
)
def test_a_body_is_accepted_or_refused_as_a_whole(client: FlaskClient, changes: dict[str, Any], status: int) -> None:
    """A wrong length is noticed, and a body that only Python's own parser accepts is accepted."""
    sent = {"data": BODY, "content_type": "application/json"} | changes
    assert client.post("/v1/enrich", **sent).status_code == status


@pytest.mark.parametrize("failure", [ArtifactError("it does not answer"), ZeroDivisionError()])
def test_a_model_or_a_service_that_fails_is_answered_in_json(turbine: Artifact, failure: Exception) -> None:
    """503 for the model, 500 for an internal error; a client gets JSON in both cases."""
    app = create_app(turbine, ServeSettings())

    class Failing:
        def enrich(self, documents: Any) -> Any:
            raise failure

    routes_of(app).models.current = Failing()  # type: ignore[assignment]
    answer = app.test_client().post("/v1/enrich", data=BODY, content_type="application/json")
    assert answer.status_code == (503 if isinstance(failure, ArtifactError) else 500)
    assert answer.get_json()["error"]["type"] == (
        "model_failed" if isinstance(failure, ArtifactError) else "internal_error"
    )


def test_every_request_is_counted(turbine: Artifact) -> None:
    """Each request once, with its documents, and none is in flight afterwards."""
    client = create_app(turbine, ServeSettings(open_metrics=True)).test_client()
    client.post("/v1/enrich", data=BODY, content_type="application/json")
    client.post(
        "/v1/enrich", data=gzip.compress(BODY), content_type="application/json", headers={"Content-Encoding": "gzip"}
    )
    client.post("/v1/enrich", data=b"{", content_type="application/json")
    lines = client.get("/metrics").text.splitlines()
    assert 'oversight_enrich_requests_total{route="/v1/enrich",status="200"} 2.0' in lines
    assert 'oversight_enrich_requests_total{route="/v1/enrich",status="400"} 1.0' in lines
    assert "oversight_enrich_documents_total 6.0" in lines
    assert "oversight_enrich_requests_in_flight 1.0" in lines  # the request for the metrics


def test_large_and_small_pages_do_not_wait_for_each_other(turbine: Artifact) -> None:
    """A second large page waits for the first one; a small page is answered meanwhile, and vice versa."""
    app = create_app(turbine, ServeSettings())
    turns_of = routes_of(app)._turns
    turns_of.large, turns_of.small = Semaphore(1), Semaphore(1)
    large = json.dumps({"documents": [{"id": "a" * LARGE_BYTES, "source": HEALTHY}]}).encode()

    def post(body: bytes) -> Any:
        return app.test_client().post("/v1/enrich", data=body, content_type="application/json")

    for turns, waits, goes_on in ((turns_of.large, large, BODY), (turns_of.small, BODY, large)):
        with ThreadPoolExecutor(1) as pool, turns:
            waiting = pool.submit(post, waits)
            assert post(goes_on).status_code == 200
            with pytest.raises(TimeoutError):
                waiting.result(0.2)
            turns.release()
            assert waiting.result(WAIT_S).status_code == 200
            turns.acquire()
    assert cores() >= 1


def test_a_body_that_is_too_large_names_the_limit(client: FlaskClient) -> None:
    """413 with the number and the variable."""
    answer = client.post("/v1/enrich", json={"documents": [], "x": "y" * 3000})
    assert "larger than 2000 bytes" in answer.get_json()["error"]["message"]
    assert "OVERSIGHT_SERVE_MAX_BODY_BYTES" in answer.get_json()["error"]["message"]


def test_405_says_what_is_allowed(client: FlaskClient) -> None:
    """In the message, and in the HTTP header `Allow`."""
    answer = client.get("/v1/enrich")
    assert "POST" in answer.headers["Allow"]
    assert "POST" in answer.get_json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v2/nothing", "/v2/models/other", "/v2/models/other/ready", "/v2/models/turbine/"])
def test_errors_below_v2_have_the_form_of_the_protocol(client: FlaskClient, path: str) -> None:
    """`{"error": "text"}`, as standard clients expect."""
    answer = client.get(path)
    assert answer.status_code == 404
    assert isinstance(answer.get_json()["error"], str)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("wrong"),
        bearer(TOKEN + "x"),
        bearer(TOKEN[:-1]),
        bearer(""),
        {"Authorization": "Basic dTpw"},
        {"Authorization": TOKEN.encode().decode("latin-1")},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/model", "/v2", "/v2/models/turbine", "/v2/models/turbine/ready", "/nothing"])
def test_without_the_token_every_route_is_401(guarded: FlaskClient, path: str, headers: dict[str, str]) -> None:
    """401 also for paths without a route, so strangers cannot find out the routes."""
    answer = guarded.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "turbine" not in answer.get_data(as_text=True)


def test_a_page_without_the_token_is_not_even_read(guarded: FlaskClient) -> None:
    """401 is returned before the body is read."""
    assert guarded.post("/v1/enrich", data=b"{", content_type="application/json").status_code == 401


def test_with_the_token_everything_is_answered(guarded: FlaskClient) -> None:
    """The scheme's case does not matter."""
    assert guarded.post("/v1/enrich", json=PAGE, headers=bearer(TOKEN)).status_code == 200
    lower = {"Authorization": bearer(TOKEN)["Authorization"].replace("Bearer", "bearer")}
    assert guarded.get("/v1/model", headers=lower).status_code == 200


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready"])
def test_the_health_routes_require_no_token(guarded: FlaskClient, path: str) -> None:
    """An orchestrator's probe has none."""
    assert guarded.get(path).status_code == 200


def test_a_model_that_stops_working_is_503_and_the_page_can_be_sent_again(turbine: Artifact, tmp_path: Path) -> None:
    """A server fault never becomes a document's error: the watcher keeps the page pending."""
    broken = load(write_model(tmp_path / "model.onnx", change=fails_above(1000)))
    failing = onnxruntime.InferenceSession(
        write_model(tmp_path / "broken.onnx", change=fails_above(0)).read_bytes(), quiet()
    )
    app = create_app(replace(broken, session=failing), ServeSettings())
    client = app.test_client()
    answer = client.post("/v1/enrich", json=PAGE)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.get_json()["error"]["type"] == "model_failed"
    assert "Gather" not in answer.get_data(as_text=True)
    assert client.get("/v2/health/ready").status_code == 503
    assert client.get("/v2/health/live").status_code == 200


def test_a_document_that_the_graph_fails_on_does_not_fail_its_page(tmp_path: Path) -> None:
    """Otherwise one bad document would keep its whole page pending for ever."""
    artifact = load(write_model(tmp_path / "model.onnx", change=fails_above(100)))
    client = create_app(artifact, ServeSettings()).test_client()
    page = {"documents": [{"id": str(i), "source": HOT if i in (3, 4, 9) else HEALTHY} for i in range(11)]}
    results = client.post("/v1/enrich", json=page).get_json()["results"]
    assert [result["id"] for result in results if "error" in result] == ["3", "4", "9"]
    assert results[3]["error"]["field"] == "turbine.temperature_c"


def test_ids_and_words_of_any_script_are_returned_unchanged(client: FlaskClient) -> None:
    """Also half a surrogate pair, which some shippers write."""
    body = b'{"documents": [{"id": "\\ud800 \xc3\xa9 \\u0000", "source": {"turbine": {"temperature_c": "\\udfff"}}}]}'
    answer = client.post("/v1/enrich", data=body, content_type="application/json; charset=utf-8")
    assert answer.status_code == 200
    (result,) = json.loads(answer.get_data())["results"]
    assert result["id"] == "\ud800 é \x00"
    assert result["error"]["type"] == "not_a_number"


WITNESSES = [
    ("/v1/enrich", b'{"documents": [{"id": "1", "source": {"witness": [[]]}}]}'),
    ("/v1/enrich", b'{"documents": [{"id": "1", "source": {"witness": [[]], "turbine": {"temperature_c": 1e300}}}]}'),
    (
        "/v1/enrich",
        b'{"documents": [{"id": "1", "source": {"witness": [[]], "turbine": {"temperature_c": 1, "vibration_mm_s": 1,'
        b' "state": {"mode": "\\ud800"}}}}]}',
    ),
    (
        "/v1/enrich",
        b'{"documents": [{"id": "1", "source": {"witness": [[]], "turbine.temperature_c": 1, "turbine":'
        b' {"temperature_c": 1}}}]}',
    ),
    ("/v1/enrich", b'{"documents": [{"id": "1", "source": {"witness": [[]]}}, 5]}'),
    ("/v1/enrich", b'{"witness": [[]]}'),
    ("/v1/enrich", b'{"documents": [{"id": "1", "source": {"witness": [[]]}}'),
    (
        "/v1/enrich",
        b'{"documents": [{"id": "1", "source": {"witness": [[]], "turbine": {"temperature_c": 1, "vibration_mm_s": 1,'
        b' "state": {"mode": "off"}}}}]}',
    ),
    ("/v2/models/turbine/infer", b'{"inputs": [{"witness": [[]]}]}'),
    ("/v2/models/other/infer", b'{"inputs": [{"witness": [[]]}]}'),
]
"""Every way to accept and to refuse a request; the garbage collector sees an object that contains `witness`."""


def test_the_memory_of_a_request_is_freed_with_its_response(turbine: Artifact) -> None:
    """No reference cycle waits for the collector: each thread of a worker would keep its largest page for minutes."""
    app = create_app(turbine, ServeSettings())
    start: Any = lambda status, headers, error=None: None  # noqa: E731  a WSGI server's part, without the server
    held = {}
    gc.disable()
    try:
        for path, body in WITNESSES:
            environment = {
                "REQUEST_METHOD": "POST",
                "PATH_INFO": path,
                "SERVER_NAME": "x",
                "SERVER_PORT": "1",
                "SERVER_PROTOCOL": "HTTP/1.1",
                "wsgi.url_scheme": "http",
                "wsgi.input": io.BytesIO(body),
                "CONTENT_LENGTH": str(len(body)),
                "CONTENT_TYPE": "application/json",
            }
            assert b"".join(app(environment, start))
            held[body] = sum(type(one) is dict and "witness" in one for one in gc.get_objects())
    finally:
        gc.enable()
    assert {body: n for body, n in held.items() if n} == {}
