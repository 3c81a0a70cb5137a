"""Every route of the service with a model of every task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from enrich_service.http.app import create_app
from enrich_service.http.metrics import Metrics
from enrich_service.http.openapi_schemas import example_source, example_tensors
from enrich_service.model.artifact import Artifact, load, open_model
from enrich_service.model.model_file import read
from enrich_service.predict.serving import Serving
from enrich_service.settings import ServeSettings
from enrich_service.versions.rehearsal import rehearse
from tests.enriching import enriched
from tests.tasks import ALL, BURSTING, EXAMPLES, write_task

OUTPUTS = {
    "one sigmoid": ["probabilities"],
    "several labels": ["probabilities"],
    "regression": ["value"],
    "reconstruction": ["score"],
    "score below": ["score"],
    "mixed": ["probabilities"],
}
OF_TASK = {
    "one sigmoid": {"probability", "top"},
    "several labels": {"probability", "top", "labels"},
    "regression": {"value"},
    "reconstruction": {"score"},
    "score below": {"score"},
    "mixed": {"probability", "top"},
}


@pytest.fixture(params=ALL)
def name(request: pytest.FixtureRequest) -> str:
    """One of the models."""
    return str(request.param)


@pytest.fixture
def artifact(name: str, tmp_path: Path) -> Artifact:
    return load(write_task(tmp_path, name))


@pytest.fixture
def client(artifact: Artifact) -> FlaskClient:
    return create_app(artifact, ServeSettings()).test_client()


def schema_of(client: FlaskClient, name: str) -> Any:
    page = client.get("/openapi.json").get_json()
    return jsonschema_rs.validator_for({**page["components"]["schemas"][name], "components": page["components"]})


def test_the_responses_match_the_description(client: FlaskClient, name: str) -> None:
    """The schemas are closed: an additional or a missing field fails."""
    documents = [{"id": str(at), "source": source} for at, source in enumerate([EXAMPLES[name], BURSTING, {}])]
    answer = client.post("/v1/enrich", json={"documents": documents})
    schema_of(client, "EnrichResponse").validate(answer.get_json())
    results = answer.get_json()["results"]
    prediction = results[0]["fields"]["oversight"]["prediction"]
    assert set(prediction) - {"label", "closest", "family", "unknown", "warnings"} == OF_TASK[name]
    assert results[2]["error"]["type"] == "missing_feature"


def test_the_examples_of_the_description_work(client: FlaskClient, artifact: Artifact) -> None:
    contract = artifact.contract
    answer = client.post("/v1/enrich", json={"documents": [{"id": "1", "source": example_source(contract)}]})
    assert "fields" in answer.get_json()["results"][0], answer.get_json()
    answer = client.post("/v2/models/pump/infer", json=example_tensors(contract))
    assert answer.status_code == 200, answer.get_json()
    schema_of(client, "InferRequest").validate(example_tensors(contract))
    schema_of(client, "InferResponse").validate(answer.get_json())


def test_the_inference_protocol_gives_the_outputs_of_the_task(
    client: FlaskClient, artifact: Artifact, name: str
) -> None:
    metadata = client.get("/v2/models/pump").get_json()
    assert [output["name"] for output in metadata["outputs"]] == OUTPUTS[name]
    tensors = {**example_tensors(artifact.contract)}
    del tensors["outputs"]
    outputs = client.post("/v2/models/pump/infer", json=tensors).get_json()["outputs"]
    assert [output["name"] for output in outputs] == OUTPUTS[name]
    found = artifact.run(*artifact.harmless_row())
    for output in outputs:
        np.testing.assert_array_equal(np.array(output["data"], np.float32), found[output["name"]].ravel())
        assert output["shape"] == list(found[output["name"]].shape)


def test_the_model_page_has_the_contract(client: FlaskClient, artifact: Artifact) -> None:
    page = client.get("/v1/model").get_json()
    assert page["contract"] == json.loads(artifact.contract.to_json())
    assert page["contract"]["format"] == 2
    assert page["fields"] == list(artifact.contract.fields)
    schema_of(client, "ModelPage").validate(page)


def test_a_model_is_rehearsed_before_it_is_served(name: str, tmp_path: Path) -> None:
    """Every switch of models does this first, and so does `oversight check`."""
    model = read(write_task(tmp_path, name))
    rehearse(model)
    open_model(model).probe()


def test_verdicts_are_counted_by_label(artifact: Artifact, name: str) -> None:
    metrics = Metrics()
    serving = Serving(artifact, on_enriched=metrics.serves(artifact.contract, artifact.version))
    enriched(serving, EXAMPLES[name], EXAMPLES[name])
    samples = {
        sample.labels["label"]: sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
        if sample.name == "oversight_enrich_predictions_total"
    }
    assert set(samples) == {*(label.name for label in artifact.contract.labels), "unknown"}
    assert samples[next(label.name for label in artifact.contract.labels if label.severity == 0)] == 2


def tensors_of(pressure: Any) -> dict[str, Any]:
    row = [pressure, 12, 2, 0, 10, 30, 12]
    return {
        "inputs": [
            {"name": "numeric", "shape": [1, 7], "datatype": "FP32", "data": row},
            {"name": "categorical", "shape": [1, 2], "datatype": "BYTES", "data": ["steady", "443"]},
        ]
    }


def test_a_tensor_may_lack_the_values_that_a_document_may_lack(tmp_path: Path) -> None:
    client = create_app(load(write_task(tmp_path, "mixed")), ServeSettings()).test_client()
    given, missing = (client.post("/v2/models/pump/infer", json=tensors_of(value)) for value in (4.0, None))
    assert np.argmax(given.get_json()["outputs"][0]["data"]) == 0
    assert np.argmax(missing.get_json()["outputs"][0]["data"]) == 1
    body = tensors_of(4.0)
    body["inputs"][0]["data"][1] = None
    refused = client.post("/v2/models/pump/infer", json=body)
    assert refused.status_code == 400
    assert "row 0, column 1 is None, expected a number" in refused.get_json()["error"]
