"""One service with two workers and a profile in its model: its metrics and its log."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from enrich_service.predict.drift import MAX_ROWS
from tests.artifacts import HEALTHY, HOT, STRANGE, TURBINE
from tests.integration.enrich_service.http.guarded_service import FIXED, Guarded, guarded_service
from tests.integration.enrich_service.requests import ask
from tests.waiting import WAIT_S, until

WARM = {"turbine": {"temperature_c": 70.0, "vibration_mm_s": 1.2, "state": {"mode": "steady"}}}
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """In training, half of the healthy turbines were below 65 °C, and all of them were steady."""
    folder = tmp_path_factory.mktemp("guarded")
    hot, mode, vibration = TURBINE.features
    profiled = replace(
        TURBINE,
        features=(
            replace(hot, profile_edges=(65.0,), profile_shares=(0.5, 0.5)),
            replace(mode, usual_shares=(("steady", 1.0),)),
            vibration,
        ),
    )
    with guarded_service(folder, profiled) as service:
        yield service


def test_metrics_are_the_sum_of_all_workers_and_survive_one(guarded: Guarded) -> None:
    """Whichever worker answers; a killed worker's counts are kept, it is replaced, and the restart is counted."""
    before = guarded.metrics()
    with ThreadPoolExecutor(8) as pool:
        assert {status for status, _ in pool.map(lambda _: guarded.page(HEALTHY, HOT, STRANGE, {}), range(40))} == {200}
    assert guarded.page("no document")[0] == 422

    def grown(found: dict[str, float]) -> dict[str, float]:
        names = (
            "documents_total",
            "predictions_total,healthy",
            "predictions_total,overheating",
            "predictions_total,unknown",
            "document_failures_total,missing_feature",
            "batch_documents_count",
            "refusals_total,wrong_shape",
            "requests_total,/v1/enrich,200",
            "requests_total,/v1/enrich,422",
        )
        return {name: found.get(name, 0) - before.get(name, 0) for name in names}

    expected = dict(zip(grown(before), (160, 40, 40, 40, 40, 40, 1, 40, 1), strict=True))
    assert all(grown(guarded.metrics()) == expected for _ in range(6))
    assert guarded.metrics()["requests_in_flight"] == 1  # the request of this test
    guarded.kill_a_worker()
    assert until(
        lambda: guarded.metrics().get("worker_restarts_total", 0) - before.get("worker_restarts_total", 0) == 1
    )
    after = guarded.metrics()
    assert grown(after) == expected
    living = {str(worker.pid) for worker in guarded.service.workers()}
    assert {name.partition(",")[2] for name in after if name.startswith("resident_memory_bytes")} == living
    assert all(10e6 < value < 200e6 for name, value in after.items() if name.startswith("resident_memory_bytes"))


def test_drift_shows_when_normal_traffic_changes(guarded: Guarded) -> None:
    """No drift value for few documents; near 0 if they spread as in training; above 0.25 if not; attacks do
    not count.
    """
    assert not [name for name in guarded.metrics() if name.startswith("input_drift_psi")]
    for _ in range(8):
        guarded.page(*[HEALTHY, HEALTHY, WARM, WARM] * 50)
        guarded.page(*[HOT] * 200)
    found = guarded.metrics()
    counted = found["drift_documents"]
    assert counted >= 800
    assert found["input_drift_psi,turbine.temperature_c"] < 0.05
    for _ in range(40):
        guarded.page(*[WARM] * 200)
    found = guarded.metrics()
    late = 2 * MAX_ROWS  # each worker collects rows, also of other tests' small pages, until it has this many
    assert counted + 4000 <= found["drift_documents"] < counted + 4000 + late
    assert found["input_drift_psi,turbine.temperature_c"] > 0.25
    assert found["input_drift_psi,turbine.state.mode"] < 0.05


def test_metrics_require_a_token_and_have_no_text_of_a_client(guarded: Guarded) -> None:
    """Their labels are only our routes and codes."""
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{guarded.service.url}/metrics", timeout=WAIT_S)
    for number in range(5):
        ask(f"{guarded.service.url}/v1/invented-{number}", headers={"Authorization": f"Bearer {FIXED}"})
    names = guarded.metrics()
    assert names["requests_total,other,404"] >= 5
    assert not [name for name in names if "invented" in name]


def test_every_request_leaves_one_line_with_its_ids_and_no_secret(guarded: Guarded) -> None:
    """The caller's ids if they are valid, otherwise new ones; counts of documents; no content of the request."""
    guarded.page(HEALTHY, {}, headers={"X-Request-Id": "call-77", "traceparent": PARENT})
    ask(f"{guarded.service.url}/v1/model?token=hush-query", headers={"Authorization": "Bearer hush-wrong"})
    assert until(lambda: guarded.lines()[-1]["http"]["response"]["status_code"] == 401)
    (one,) = (line for line in guarded.lines() if line.get("http", {}).get("request", {}).get("id") == "call-77")
    assert one["trace"]["id"] == PARENT.split("-")[1]
    assert one["span"]["id"] == PARENT.split("-")[2]
    assert one["enrich_service"]["batch"] == {"size": 2, "failed": 1}
    assert one["url"]["path"] == "/v1/enrich"
    assert one["http"]["response"]["status_code"] == 200
    assert one["source"]["ip"] == "127.0.0.1"
    refused = guarded.lines()[-1]
    assert refused["error"]["type"] == "unauthorized"
    assert re.fullmatch("[0-9a-f]{32}", refused["http"]["request"]["id"])
    log = guarded.service.log.read_text(encoding="utf-8")
    assert "hush" not in log
    assert "temperature" not in log
