"""Inference by the Open Inference Protocol: accepted requests, and the messages of refused ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from flask.testing import FlaskClient
from onnx import numpy_helper

from common.access.tokens import Tokens
from contract.artifact.contract import Label, ModelContract
from enrich_service.http.app import create_app
from enrich_service.model.artifact import Artifact, load
from enrich_service.oip import inference as oip
from enrich_service.request_body import RequestError
from enrich_service.settings import ServeSettings
from tests.artifacts import TURBINE, without_novelty, write_model
from tests.unit.enrich_service.http.test_app import fails_above, quiet

NUMERIC = [[61.5, 1.2], [125, 1.5], [-30.0, 0.1]]
CATEGORICAL = [["steady"], ["steady"], ["never seen"]]
Change = Callable[[dict[str, Any]], Any]


def request_of(numeric: Any = NUMERIC, categorical: Any = CATEGORICAL, **more: Any) -> dict[str, Any]:
    return {
        "inputs": [
            {"name": "numeric", "shape": [len(numeric), 2], "datatype": "FP32", "data": numeric},
            {"name": "categorical", "shape": [len(categorical), 1], "datatype": "BYTES", "data": categorical},
        ],
        **more,
    }


@pytest.fixture
def client(turbine: Artifact) -> FlaskClient:
    return create_app(turbine, ServeSettings(max_body_bytes=4000, max_documents=5)).test_client()


def arrays(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        one["name"]: np.array(one["data"], np.float32).reshape(one["shape"])
        for one in answer["outputs"]
        if one["datatype"] == "FP32"
    }


def test_the_outputs_are_those_of_the_graph(client: FlaskClient, turbine: Artifact) -> None:
    """To the last bit: JSON keeps a float32 exactly."""
    answer = client.post("/v2/models/turbine/infer", json=request_of(id="a-1"))
    assert answer.status_code == 200
    body = answer.get_json()
    assert (body["model_name"], body["model_version"], body["id"]) == ("turbine", turbine.version, "a-1")
    assert [one["name"] for one in body["outputs"]] == ["probabilities", "novelty"]
    outputs = turbine.run(np.array(NUMERIC, np.float32), np.array(CATEGORICAL, np.object_))
    np.testing.assert_array_equal(arrays(body)["probabilities"], outputs["probabilities"])
    np.testing.assert_array_equal(arrays(body)["novelty"], outputs["novelty"])


def test_flat_and_nested_data_mean_the_same(client: FlaskClient) -> None:
    """Row by row."""
    flat = request_of()
    for tensor in flat["inputs"]:
        tensor["data"] = [value for row in tensor["data"] for value in row]
    nested = client.post("/v2/models/turbine/infer", json=request_of()).get_json()
    assert client.post("/v2/models/turbine/infer", json=flat).get_json() == nested


@pytest.mark.parametrize("wanted", [["novelty"], ["probabilities"], ["novelty", "probabilities"]])
def test_a_request_selects_its_outputs(client: FlaskClient, wanted: list[str]) -> None:
    """In the requested order, with the same numbers as without a selection."""
    both = arrays(client.post("/v2/models/turbine/infer", json=request_of()).get_json())
    some = client.post("/v2/models/turbine/infer", json=request_of(outputs=[{"name": name} for name in wanted]))
    assert [one["name"] for one in some.get_json()["outputs"]] == wanted
    for name, array in arrays(some.get_json()).items():
        np.testing.assert_array_equal(array, both[name])


def test_no_rows_give_outputs_without_rows(client: FlaskClient) -> None:
    """An empty batch is valid; the shapes show it."""
    answer = client.post("/v2/models/turbine/infer", json=request_of([], []))
    assert answer.status_code == 200
    assert [(one["shape"], one["data"]) for one in answer.get_json()["outputs"]] == [([0, 3], []), ([0], [])]


def test_the_version_may_be_in_the_path(client: FlaskClient, turbine: Artifact) -> None:
    """The served version works, any other is 404 with a message that names it."""
    path = f"/v2/models/turbine/versions/{turbine.version}"
    assert client.post(f"{path}/infer", json=request_of()).status_code == 200
    assert client.get(path).get_json() == client.get("/v2/models/turbine").get_json()
    assert client.get(f"{path}/ready").get_json() == {"name": "turbine", "ready": True}
    for answer in (
        client.get("/v2/models/turbine/versions/1"),
        client.get("/v2/models/turbine/versions/1/ready"),
        client.post("/v2/models/turbine/versions/1/infer", json=request_of()),
    ):
        assert answer.status_code == 404
        assert turbine.version in answer.get_json()["error"]


def test_parameters_and_unknown_keys_are_tolerated(client: FlaskClient) -> None:
    """Also the request for binary outputs that a standard client sends by itself: it gets JSON."""
    body = request_of(parameters={"binary_data_output": True, "priority": 3}, more=1, outputs=[])
    body["inputs"][0] |= {"parameters": {"any": "thing"}, "more": None}
    assert client.post("/v2/models/turbine/infer", json=body).status_code == 200


def test_a_request_without_a_content_type_is_json_if_it_has_a_token(client: FlaskClient, turbine: Artifact) -> None:
    """tritonclient sends none. Without a token it could come from a web page of another site; other types are 415
    anyway.
    """
    body = json.dumps(request_of()).encode()
    token = {"Authorization": "Bearer hush"}
    refused = client.post("/v2/models/turbine/infer", data=body)
    assert refused.status_code == 415
    assert 'in tritonclient: infer(..., headers={"Content-Type": "application/json"})' in refused.get_json()["error"]
    guarded = create_app(turbine, ServeSettings(), tokens=Tokens("hush")).test_client()
    assert guarded.post("/v2/models/turbine/infer", data=body, headers=token).status_code == 200
    refused = guarded.post("/v2/models/turbine/infer", data=body, content_type="text/plain", headers=token)
    assert refused.status_code == 415
    assert isinstance(refused.get_json()["error"], str)


def in_input(position: int, **values: Any) -> Change:
    return lambda body: body["inputs"][position].update(values)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda body: body.pop("inputs"), "inputs is missing, expected a list"),
        (lambda body: body.update(inputs={}), "inputs is an object, expected a list"),
        (lambda body: body.update(id=7), "id is 7, expected text"),
        (lambda body: body.update(parameters=[]), "parameters is a list of 0, expected an object"),
        (lambda body: body["inputs"].pop(), "inputs has no 'categorical'; the model takes 'numeric' and 'categorical'"),
        (lambda body: body["inputs"].append(body["inputs"][0]), "inputs[2].name is 'numeric' twice"),
        (lambda body: body["inputs"].append(5), "inputs[2] is 5, expected an object"),
        (in_input(0, name="numbers"), "inputs[0].name is 'numbers'; the model takes"),
        (in_input(0, name=None), "inputs[0].name is None, expected text"),
        (lambda body: body["inputs"][1].pop("datatype"), "inputs[1].datatype is missing"),
        (in_input(0, datatype="FP64"), "inputs[0].datatype is 'FP64', expected 'FP32' for 'numeric'"),
        (in_input(1, datatype=["BYTES"]), "inputs[1].datatype is a list of 1, expected 'BYTES'"),
        (in_input(0, shape=[3, 3]), "inputs[0].shape is [3, 3], expected [n, 2] for 'numeric'"),
        (in_input(0, shape=[6]), "inputs[0].shape is [6], expected [n, 2]"),
        (in_input(0, shape=[-1, 2]), "inputs[0].shape is [-1, 2], expected [n, 2]"),
        (in_input(0, shape=[3.0, 2]), "inputs[0].shape is [3.0, 2], expected [n, 2]"),
        (in_input(0, shape=[True, 2]), "inputs[0].shape is [True, 2], expected [n, 2]"),
        (in_input(0, shape="3x2"), "inputs[0].shape is '3x2', expected [n, 2]"),
        (in_input(0, shape=[[3], {}]), "inputs[0].shape is [a list of 1, an object], expected [n, 2]"),
        (in_input(0, shape=[1] * 9), "inputs[0].shape is a list of 9, expected [n, 2]"),
        (in_input(0, data="AAAA"), "inputs[0].data is 'AAAA', expected a list"),
        (in_input(0, data=[1, 2, 3]), "inputs[0].data has 3 values, expected 6 for the shape [3, 2]"),
        (in_input(0, data=[[1, 2]]), "inputs[0].data has 1 rows, expected 3"),
        (in_input(0, data=[[1, 2], [3], [4, 5]]), "inputs[0].data[1] is a list of 1, expected a list of 2 values"),
        (in_input(0, data=[[1, 2], 3, [4, 5]]), "inputs[0].data[1] is 3, expected a list of 2 values"),
        (in_input(0, data=[1, 2, 3, 4, [5], 6]), "row 2, column 0 is a list of 1, expected a number in 'numeric'"),
        (in_input(0, data=[1, 2, 3, True, 5, 6]), "inputs[0].data, row 1, column 1 is True, expected a number"),
        (in_input(0, data=[1, 2, 3, "4", 5, 6]), "inputs[0].data, row 1, column 1 is '4', expected a number"),
        (in_input(0, data=[1, 2, 3, None, 5, 6]), "inputs[0].data, row 1, column 1 is None, expected a number"),
        (in_input(0, data=[1, 2, 3, 4, 3.5e38, 6]), "row 2, column 0 is 3.5e+38, expected a finite number of at most"),
        (in_input(0, data=[1, 2, 3, 4, 5, 10**400]), "row 2, column 1 is 1000000"),
        (in_input(1, data=["a", "", "c"]), "inputs[1].data, row 1, column 0 is '', expected text of 1 to 1024"),
        (in_input(1, data=["a", "b", 6]), "inputs[1].data, row 2, column 0 is 6, expected text"),
        (in_input(1, data=["a", "b", "c" * 1025]), "expected text of 1 to 1024 characters in UTF-8"),
        (in_input(1, data=["a", "b", "\ud800"]), "row 2, column 0 is '\\ud800', expected text"),
        (in_input(1, shape=[2, 1], data=["a", "b"]), "'numeric' has 3 rows and 'categorical' has 2; expected the same"),
        (
            in_input(0, parameters={"binary_data_size": 24}),
            "has 'binary_data_size', but this service accepts tensors only",
        ),
        (in_input(0, parameters={"shared_memory_region": "x"}), "has 'shared_memory_region'"),
        (in_input(0, parameters=3), "inputs[0].parameters is 3, expected an object"),
        (lambda body: body.update(outputs=None), "outputs is None, expected a list"),
        (lambda body: body.update(outputs=["novelty"]), "outputs[0] is 'novelty', expected an object with a name"),
        (
            lambda body: body.update(outputs=[{"name": "logits"}]),
            "outputs[0].name is 'logits'; the model answers 'probabilities' and 'novelty'",
        ),
        (lambda body: body.update(outputs=[{"name": "novelty"}] * 2), "outputs[1].name is 'novelty' twice"),
        (
            lambda body: body.update(outputs=[{"name": "novelty", "parameters": {"binary_data": True}}]),
            "outputs[0].parameters asks for binary data",
        ),
    ],
)
def test_a_wrong_value_is_named_by_its_place(turbine: Artifact, change: Change, said: str) -> None:
    """400, one line: where, what was found, what was expected."""
    body = request_of()
    change(body)
    with pytest.raises(RequestError) as refused:
        oip.parse(body, TURBINE, max_rows=100)
    assert refused.value.status == 400
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("body", [[], 5, None, "inputs"])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    """400, as the protocol defines."""
    with pytest.raises(RequestError, match="expected an object with inputs"):
        oip.parse(body, TURBINE, max_rows=100)


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (b"{", {}, 400, "the body is not JSON"),
        (json.dumps(request_of([[1, float("nan")]], [["off"]])).encode(), {}, 400, "the body is not JSON"),
        (json.dumps(request_of([[1, float("inf")]], [["off"]])).encode(), {}, 400, "the body is not JSON"),
        (json.dumps(request_of([[1, 7]], [["off"]])).replace("7", "1e400").encode(), {}, 400, "finite number"),
        (json.dumps(request_of([[1, 2]] * 6, [["off"]] * 6)).encode(), {}, 413, "has 6 rows, at most 5"),
        (b"[" * 5000, {}, 413, "larger than 4000 bytes"),
        (b"{}", {"Content-Encoding": "deflate"}, 415, "Content-Encoding is 'deflate'"),
        (b"{}" + bytes(24), {"Inference-Header-Content-Length": "2"}, 400, "announces binary tensors"),
    ],
)
def test_every_refusal_has_the_protocols_form(
    client: FlaskClient, body: bytes, headers: dict[str, str], status: int, said: str
) -> None:
    """`{"error": "text"}` with the right HTTP status."""
    answer = client.post("/v2/models/turbine/infer", data=body, headers=headers, content_type="application/json")
    assert answer.status_code == status
    assert set(answer.get_json()) == {"error"}
    assert said in answer.get_json()["error"]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/v2/models/turbine/infer", "GET", 405),
        ("/v2/models/other/infer", "POST", 404),
        ("/v2/models/turbine/versions/", "GET", 404),
        ("/v2/repository/index", "POST", 404),
        ("/v2/", "GET", 404),
        ("/v2", "DELETE", 405),
    ],
)
def test_a_missing_path_has_an_error_in_the_protocols_form(
    client: FlaskClient, path: str, method: str, status: int
) -> None:
    """Every response below /v2 has this form."""
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert isinstance(answer.get_json()["error"], str)


def test_without_the_token_the_answer_has_the_protocols_form(turbine: Artifact) -> None:
    """401 before anything is read."""
    client = create_app(turbine, ServeSettings(), tokens=Tokens("hush")).test_client()
    answer = client.post("/v2/models/turbine/infer", data=b"{")
    assert answer.status_code == 401
    assert isinstance(answer.get_json()["error"], str)


def test_an_id_of_any_script_is_returned(client: FlaskClient) -> None:
    """Also half a surrogate pair."""
    body = json.dumps(request_of(id="\ud800 é \x00"))
    answer = client.post("/v2/models/turbine/infer", data=body.encode("utf-8"), content_type="application/json")
    assert json.loads(answer.get_data())["id"] == "\ud800 é \x00"
    assert arrays(answer.get_json())["probabilities"].shape == (3, 3)


def test_a_row_without_a_finite_output_is_named(tmp_path: Path) -> None:
    """NaN is not valid JSON, and 0 would be wrong."""

    def scale_up(model: Any) -> None:
        scale = next(constant for constant in model.graph.initializer if constant.name == "scale")
        scale.CopyFrom(numpy_helper.from_array(np.array([0.05, 10.0], np.float32), "scale"))

    model = load(write_model(tmp_path / "model.onnx", change=scale_up))
    asked = oip.parse(request_of([[60, 1], [60, 3e38]], [["off"], ["off"]]), TURBINE, max_rows=9)
    with pytest.raises(RequestError, match="no finite 'probabilities' for row 1"):
        oip.infer(model, asked)


def test_values_on_which_the_graph_fails_are_a_client_error(tmp_path: Path) -> None:
    """400 if the model computes other rows, 503 if it computes none."""
    model = load(write_model(tmp_path / "model.onnx", change=fails_above(100)))
    client = create_app(model, ServeSettings()).test_client()
    assert client.post("/v2/models/turbine/infer", json=request_of([[90, 1]], [["off"]])).status_code == 200
    answer = client.post("/v2/models/turbine/infer", json=request_of([[125, 1]], [["off"]]))
    assert answer.status_code == 400
    assert "Gather" not in answer.get_json()["error"]
    graph = write_model(tmp_path / "broken.onnx", change=fails_above(0)).read_bytes()
    broken = replace(model, session=onnxruntime.InferenceSession(graph, quiet()), parts={})
    answer = create_app(broken, ServeSettings()).test_client().post("/v2/models/turbine/infer", json=request_of())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert isinstance(answer.get_json()["error"], str)


def test_a_model_without_novelty_has_one_output(tmp_path: Path) -> None:
    """The name of the other output is an error."""
    client = create_app(load(write_model(tmp_path / "model.onnx", without_novelty())), ServeSettings()).test_client()
    answer = client.post("/v2/models/turbine/infer", json=request_of()).get_json()
    assert [one["name"] for one in answer["outputs"]] == ["probabilities"]
    refused = client.post("/v2/models/turbine/infer", json=request_of(outputs=[{"name": "novelty"}]))
    assert refused.status_code == 400


@pytest.mark.parametrize(("kind", "name"), [("float", "numeric"), ("string", "categorical")])
def test_a_model_of_one_kind_of_feature_has_one_input(kind: str, name: str) -> None:
    """A request with the other input is an error."""
    features = tuple(feature for feature in TURBINE.features if feature.kind == kind)
    contract = ModelContract("half", features, (Label("a", "f", 0), Label("b", "f", 5)), ("f",))
    body = request_of()
    (own,) = [one for one in body["inputs"] if one["name"] == name]
    asked = oip.parse({"inputs": [own]}, contract, max_rows=9)
    assert len(asked.numeric) == len(asked.categorical) == 3
    with pytest.raises(RequestError, match=f"the model takes '{name}'"):
        oip.parse(body, contract, max_rows=9)
