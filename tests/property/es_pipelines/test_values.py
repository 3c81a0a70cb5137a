"""One rule says what counts as a feature's value: the pipelines and the enrich service give the same verdict on every
document.

    document ─┬─▶ _ingest/pipeline/_simulate ──▶ stored document, or error.type ┐
              │                 └──────▶ POST /v1/enrich ──▶ fields ────────────┼─ the same code, or the same fields
              └─▶ POST /v1/enrich ──▶ fields, or error.type ────────────────────┘

Two stored documents that the model answers alike, to the last digit, have the same values.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from benchmarks.es_pipelines.removal import remove
from es_pipelines.provision.apply import provision
from tests.artifacts import TURBINE, write_model
from tests.pipelines import simulate
from tests.servers import enrich_service
from tests.waiting import WAIT_S

NAMESPACE = f"values{uuid.uuid4().hex[:8]}"
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    6,
    -1,
    6.5,
    1e38,
    3.5e38,
    -1e39,
    "",
    " ",
    "6",
    " 6 ",
    "6.5e1",
    "1e999",
    "NaN",
    "Infinity",
    "-inf",
    "0x10",
    "1,5",
    "1_000",
    "1.",
    ".5",
    ".",
    "+1",
    "--1",
    "1e",
    "true",
    "null",
    "steady",
    " steady ",
    "\tsteady\n",
    "x" * 1024,
    "x" * 1025,
    "1" * 30,
    "0" * 64,
    "0" * 65,
    " " * 70 + "1",
    {},
    {"x": 1},
    {"x": {}},
    [],
    [[]],
    [[1]],
    [{}],
    [{"x": 1}],
    [None],
)
"""Values that people send where a number or a word belongs."""

scalars = st.one_of(
    st.sampled_from(ODD),
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text("0123456789.eE+-, ", max_size=6),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=6),
)
values = st.one_of(scalars, scalars, st.lists(scalars, max_size=2))
documents = st.builds(
    lambda temperature, vibration, mode: {
        "turbine": {"temperature_c": temperature, "vibration_mm_s": vibration, "state": {"mode": mode}}
    },
    st.just(61.5) | values,
    st.just(1.2) | values,
    st.just("steady") | values,
)
EACH: list[dict[str, Any]] = [
    {"turbine": {"temperature_c": 61.5, "vibration_mm_s": 1.2, "state": {"mode": "steady"}} | changed}
    for value in (*ODD, *([value] for value in ODD), [6, 7], ["steady", "off"])
    for changed in ({"temperature_c": value}, {"state": {"mode": value}})
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real enrich service."""
    with enrich_service(write_model(tmp_path_factory.mktemp("turbine") / "model.onnx")) as url:
        yield url


@pytest.fixture(scope="module", params=["embedded", pytest.param("opensearch", marks=pytest.mark.opensearch)])
def engine(request: pytest.FixtureRequest) -> Iterator[Elasticsearch]:
    """An engine with the pipelines of that model."""
    with Elasticsearch(request.getfixturevalue(f"{request.param}_url"), request_timeout=WAIT_S) as es:
        provision(es, TURBINE, namespace=NAMESPACE)
        yield es
        remove(es, NAMESPACE)


def enriched(url: str, sources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the service answers for each document."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=WAIT_S)
    body = json.dumps({"documents": [{"id": str(at), "source": source} for at, source in enumerate(sources)]})
    connection.request("POST", "/v1/enrich", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    results: list[dict[str, Any]] = json.loads(answer.read())["results"]
    connection.close()
    return results


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(batch=st.lists(documents, min_size=1, max_size=20))
@example(batch=EACH)
def test_pipeline_and_service_give_one_verdict(
    engine: Elasticsearch, service: str, batch: list[dict[str, Any]]
) -> None:
    """The accepted value, or the code of the error; a document that passes the pipeline passes the service."""
    stored = [document or {} for document in simulate(engine, NAMESPACE, batch)]
    of_stored = enriched(service, [{"turbine": document.get("turbine", {})} for document in stored])
    for source, document, sent, again in zip(batch, stored, enriched(service, batch), of_stored, strict=True):
        code = document.get("error", {}).get("type")
        assert code == sent.get("error", {}).get("type"), (source, document.get("error"), sent)
        if code is None:
            assert sent["fields"] == again["fields"], (source, document["turbine"])


def test_every_kind_of_verdict_is_among_the_examples(service: str) -> None:
    """Otherwise the comparison above could hold for one kind alone."""
    codes = {result.get("error", {}).get("type") for result in enriched(service, EACH)}
    assert codes == {None, "missing_feature", "not_a_number", "not_finite", "not_a_word"}
