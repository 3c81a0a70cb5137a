"""The pipelines and the enrich service accept the same values of features and reject the others with the same code.

    document ─┬─▶ _ingest/pipeline/_simulate ──▶ stored document, or error.type ┐
              │                 └──────▶ POST /v1/enrich ──▶ fields ────────────┼─ the same code, or the same fields
              └─▶ POST /v1/enrich ──▶ fields, or error.type ────────────────────┘

If the model gives exactly the same answer for both documents, they have the same values.
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
from contract.values import is_missing
from es_pipelines.provision.apply import provision
from tests.artifacts import TURBINE, write_model
from tests.pipelines import simulate
from tests.servers import enrich_service
from tests.tasks import MIXED, MIXED_QUIET, write_task
from tests.waiting import WAIT_S

NAMESPACE = f"values{uuid.uuid4().hex[:8]}"
PUMPS = f"pumps{uuid.uuid4().hex[:8]}"
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
"""Values that may be sent in the place of a number or a word."""

ODDER: tuple[Any, ...] = (
    *ODD,
    1.0,
    0.0,
    2,
    443.0,
    -22,
    2**53,
    2**53 + 2,
    1e300,
    "TRUE",
    "False",
    "1",
    "0",
    "yes",
    "443",
    "022",
    "2026-03-04",
    "2026-03-04T05:06:07Z",
    "2026-03-04T05:06",
    "2026-03-04 05:06:07,5",
    "2026-03-04T05:06:07.123456789+01:00",
    " 2024-02-29T05:06:07-0130 ",
    "2026-03-04T05:06:07+14",
    "2026-03-04T05:06:07+15",
    "2026-03-04T05:06:07+01:60",
    "2026-03-04T05:06:07.1234567890Z",
    "2026-03-04T05:06:07z",
    "2026-03-04t05:06:07Z",
    "2026-03-04T05:06:07 Z",
    "2026-03-04Z",
    "2026-03-04T",
    "2026-03-04T05",
    "2026-03-04T05:06:",
    "2026-03-04T05:06:07.",
    "2026-03-04T24:00",
    "2026-03-04T05:60",
    "2026-03-04T05:06:60",
    "2026-02-29",
    "2100-02-29",
    "2000-02-29",
    "2026-00-10",
    "2026-13-10",
    "2026-04-31",
    "2026-04-00",
    "0999-12-31",
    "1000-01-01",
    "9998-12-31T23:59:59-14:00",
    "9999-01-01",
    "2026-3-4",
    "2026-03-04T5:06",
    "20260304",
    "2026-W10-3",
    "17726003470",
    "177260034700",
    "1772600347000",
    "17726003470000",
    "-177260034700",
    1_772_600_347_000,
    1_772_600_347_000.5,
    -30_610_224_000_000,
    -30_610_224_000_001,
    253_370_764_799_999,
    253_370_764_800_000,
)
"""Values that may be sent in the place of a boolean, a date or a word that is an integer."""

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


SHIFT = "2026-03-04T12:00:00Z"
PUMP = MIXED_QUIET["pump"]
OTHER_KINDS = ("open", "at", "port")
dates = st.builds(
    lambda date, middle, clock, zone: f"{date}{middle}{clock}{zone}",
    st.sampled_from(["2026-03-04", "2024-02-29", "1999-12-31", "0001-01-01", "2026-02-30"]),
    st.sampled_from(["", "T", " ", "t", "  "]),
    st.sampled_from(["", "00:00", "23:59:59", "05:06:07.1", "05:06:07,123456", "24:00", "5:6"]),
    st.sampled_from(["", "Z", "+01:00", "-0530", "+14", "+15", "z", "+1", " +01:00"]),
)
odder = st.integers(0, len(ODDER) - 1).map(ODDER.__getitem__) | dates
pumps = st.builds(lambda name, value: PUMP | {name: value}, st.sampled_from(sorted(PUMP)), odder)
GAPS: tuple[Any, ...] = (None, "", " ", [], [None], {}, {"x": 1}, "x", 1, [1], True, 1e39)
EACH_PUMP: list[dict[str, Any]] = [
    *(PUMP | {name: value} for value in (*ODDER, [True], ["1", "0"], [443], ["2026-03-04"]) for name in OTHER_KINDS),
    *(PUMP | {name: value} for value in GAPS for name in ("pressure", "mode", "noise")),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real enrich service."""
    with enrich_service(write_model(tmp_path_factory.mktemp("turbine") / "model.onnx")) as url:
        yield url


@pytest.fixture(scope="module", params=["embedded", pytest.param("opensearch", marks=pytest.mark.opensearch)])
def engine(request: pytest.FixtureRequest) -> Iterator[Elasticsearch]:
    """An engine with the pipelines of both models."""
    with Elasticsearch(request.getfixturevalue(f"{request.param}_url"), request_timeout=WAIT_S) as es:
        for contract, namespace in ((TURBINE, NAMESPACE), (MIXED, PUMPS)):
            provision(es, contract, namespace=namespace)
        yield es
        for namespace in (NAMESPACE, PUMPS):
            remove(es, namespace)


@pytest.fixture(scope="module")
def pump_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a service whose model reads dates, booleans, integers as words, and missing values."""
    with enrich_service(write_task(tmp_path_factory.mktemp("pump"), "mixed")) as url:
        yield url


def enriched(url: str, sources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The service's result for each document."""
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
def test_pipeline_and_service_give_the_same_result(
    engine: Elasticsearch, service: str, batch: list[dict[str, Any]]
) -> None:
    """The same value or the same error code; a document that passes the pipelines also passes the service."""
    stored = [document or {} for document in simulate(engine, NAMESPACE, batch)]
    of_stored = enriched(service, [{"turbine": document.get("turbine", {})} for document in stored])
    for source, document, sent, again in zip(batch, stored, enriched(service, batch), of_stored, strict=True):
        code = document.get("error", {}).get("type")
        assert code == sent.get("error", {}).get("type"), (source, document.get("error"), sent)
        if code is None:
            assert sent["fields"] == again["fields"], (source, document["turbine"])


def test_the_examples_cover_every_kind_of_result(service: str) -> None:
    """Otherwise the test above might compare only one kind."""
    codes = {result.get("error", {}).get("type") for result in enriched(service, EACH)}
    assert codes == {None, "missing_feature", "not_a_number", "not_finite", "not_a_word"}


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(batch=st.lists(pumps, min_size=1, max_size=20))
@example(batch=EACH_PUMP)
def test_both_agree_on_dates_booleans_integers_and_missing_values(
    engine: Elasticsearch, pump_service: str, batch: list[dict[str, Any]]
) -> None:
    """Leaves out documents without any value, because the pipelines drop them."""
    batch = [pump for pump in batch if not all(is_missing(value) for value in pump.values())]
    stored = [document or {} for document in simulate(engine, PUMPS, [{"pump": pump} for pump in batch])]
    of_stored = enriched(pump_service, [{"pump": document.get("pump", {}), "@timestamp": SHIFT} for document in stored])
    sent = enriched(pump_service, [{"pump": pump, "@timestamp": SHIFT} for pump in batch])
    for pump, document, asked, again in zip(batch, stored, sent, of_stored, strict=True):
        code = document.get("error", {}).get("type")
        assert code == asked.get("error", {}).get("type"), (pump, document.get("error"), asked)
        if code is None:
            assert asked["fields"] == again["fields"], (pump, document["pump"])
            assert type(document["pump"]["open"]) is bool
        assert type(document["pump"].get("open")) in (bool, type(None)) or document["pump"]["open"] in ("true", "false")


def test_the_pumps_cover_every_kind_of_result(pump_service: str) -> None:
    """Otherwise the test above might compare only one kind."""
    results = enriched(pump_service, [{"pump": pump, "@timestamp": SHIFT} for pump in EACH_PUMP])
    codes = {result.get("error", {}).get("type") for result in results}
    expected = {"missing_feature", "not_a_number", "not_finite", "not_a_word", "not_a_boolean", "not_a_date"}
    assert codes == {None, *expected}
