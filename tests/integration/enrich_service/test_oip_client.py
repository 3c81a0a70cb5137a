"""The public client of the Open Inference Protocol with the real process: `tritonclient[http]`, tensors in JSON."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from tests.artifacts import HEALTHY, HOT
from tests.integration.enrich_service.requests import ask
from tests.servers import Service

NUMERIC = np.array([[61.5, 1.2], [125.0, 1.5]], np.float32)
CATEGORICAL = np.array([["steady"], ["steady"]], np.object_)
TYPED = {"Content-Type": "application/json"}
"""The client sends no content type by itself; a service without a token requires it."""
LABELS = ["bearing_wear", "healthy", "overheating"]


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(service.url.removeprefix("http://")) as one:
        yield one


def inputs(*, binary_data: bool = False) -> list[InferInput]:
    numeric = InferInput("numeric", list(NUMERIC.shape), "FP32")
    numeric.set_data_from_numpy(NUMERIC, binary_data=binary_data)
    categorical = InferInput("categorical", list(CATEGORICAL.shape), "BYTES")
    categorical.set_data_from_numpy(CATEGORICAL, binary_data=binary_data)
    return [numeric, categorical]


def test_the_client_finds_server_and_model(client: InferenceServerClient) -> None:
    """Live, ready, metadata; the model also by its version."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["name"] == "oversight-enrich"
    page = client.get_model_metadata("turbine")
    (version,) = page["versions"]
    assert client.get_model_metadata("turbine", version) == page
    assert client.is_model_ready("turbine")
    assert client.is_model_ready("turbine", version)
    assert not client.is_model_ready("turbine", "1")
    assert not client.is_model_ready("other")


def test_the_client_gets_the_predictions_of_the_other_route(client: InferenceServerClient, service: Service) -> None:
    """Both routes use the same model."""
    answer = client.infer("turbine", inputs(), request_id="of-the-test", headers=dict(TYPED))
    probabilities, novelty = answer.as_numpy("probabilities"), answer.as_numpy("novelty")
    assert (probabilities.shape, probabilities.dtype) == ((2, 3), np.float32)
    assert answer.get_response()["id"] == "of-the-test"
    _, page = ask(f"{service.url}/v1/enrich", {"documents": [{"id": "", "source": s} for s in (HEALTHY, HOT)]})
    for row, result in enumerate(page["results"]):
        said = result["fields"]["oversight"]["prediction"]
        assert said["closest"] == LABELS[int(probabilities[row].argmax())]
        assert said["probability"] == pytest.approx(float(probabilities[row].max()), abs=1e-6)
        assert said["novelty"] == pytest.approx(float(novelty[row]), abs=1e-6)


def test_the_client_selects_an_output_of_a_version(client: InferenceServerClient) -> None:
    """The client may also compress its request."""
    (version,) = client.get_model_metadata("turbine")["versions"]
    answer = client.infer(
        "turbine",
        inputs(),
        model_version=version,
        request_compression_algorithm="gzip",
        headers=dict(TYPED),
        outputs=[InferRequestedOutput("novelty", binary_data=False)],
    )
    assert answer.as_numpy("novelty").shape == (2,)
    assert answer.as_numpy("probabilities") is None
    assert answer.get_response()["model_version"] == version


def test_the_error_for_binary_tensors_names_the_argument_of_the_client(client: InferenceServerClient) -> None:
    """The error names the argument to change."""
    with pytest.raises(InferenceServerException, match="binary_data=False") as refused:
        client.infer("turbine", inputs(binary_data=True), headers=dict(TYPED))
    assert refused.value.status() == "400"
    with pytest.raises(InferenceServerException, match="binary_data=False"):
        client.infer(
            "turbine", inputs(), outputs=[InferRequestedOutput("novelty", binary_data=True)], headers=dict(TYPED)
        )


def test_the_client_reads_every_other_refusal(client: InferenceServerClient) -> None:
    """404 for a model and a version, 400 for an output."""
    for arguments, status in (
        ({"model_name": "other"}, "404"),
        ({"model_name": "turbine", "model_version": "1"}, "404"),
        ({"model_name": "turbine", "outputs": [InferRequestedOutput("logits", binary_data=False)]}, "400"),
    ):
        with pytest.raises(InferenceServerException) as refused:
            client.infer(inputs=inputs(), headers=dict(TYPED), **arguments)
        assert refused.value.status() == status
