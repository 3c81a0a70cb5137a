"""One service with two workers, tokens in a file and a profile in its model: what it counts, logs and lets in."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.artifacts import HEALTHY, HOT, STRANGE, TURBINE, write_model
from tests.integration.enrich_service.requests import ask
from tests.servers import Service, running
from tests.waiting import WAIT_S, until

FIRST, SECOND, FIXED = "hush-first", "hush-second", "hush-fixed"
WARM = {"turbine": {"temperature_c": 70.0, "vibration_mm_s": 1.2, "state": {"mode": "steady"}}}
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass(frozen=True)
class Guarded:
    """The service and its file of tokens."""

    service: Service
    tokens: Path

    def page(self, *sources: Any, token: str = FIXED, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """One page of documents."""
        documents = [{"id": str(number), "source": source} for number, source in enumerate(sources)]
        given = {"Authorization": f"Bearer {token}", **(headers or {})}
        return ask(f"{self.service.url}/v1/enrich", {"documents": documents}, given)

    def metrics(self) -> dict[str, float]:
        """Every sample, as Prometheus would read it."""
        request = urllib.request.Request(f"{self.service.url}/metrics", headers={"Authorization": f"Bearer {FIXED}"})
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            text = answer.read().decode()
        return {
            sample.name.removeprefix("oversight_enrich_")
            + "".join(f",{value}" for _, value in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def lines(self) -> list[dict[str, Any]]:
        """The log so far."""
        return [json.loads(line) for line in self.service.log.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Half of the healthy turbines of training were below 65 °C; all of them were steady."""
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
    tokens = folder / "tokens"
    tokens.write_text(f"{FIRST}\n", encoding="utf-8")
    tokens.chmod(0o600)
    env = {"OVERSIGHT_SERVE_TOKENS_FILE": str(tokens)}
    model = write_model(folder / "model.onnx", profiled)
    with running(model, token=FIXED, env=env, options=["--workers", "2"]) as service:
        yield Guarded(service, tokens)


def test_metrics_are_the_sum_of_all_workers_and_survive_one(guarded: Guarded) -> None:
    """Whichever answers; a worker that is killed takes nothing along, its place is taken and that is counted."""
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
    assert guarded.metrics()["requests_in_flight"] == 1  # the one that asks
    victim = guarded.service.workers()[0]
    victim.kill()
    assert until(
        lambda: guarded.metrics().get("worker_restarts_total", 0) - before.get("worker_restarts_total", 0) == 1
    )
    after = guarded.metrics()
    assert grown(after) == expected
    living = {str(worker.pid) for worker in guarded.service.workers()}
    assert {name.partition(",")[2] for name in after if name.startswith("resident_memory_bytes")} == living
    assert all(10e6 < value < 200e6 for name, value in after.items() if name.startswith("resident_memory_bytes"))


def test_drift_shows_when_normal_traffic_changes(guarded: Guarded) -> None:
    """Nothing of few documents; near 0 where they spread as in training; above 0.25 when they do not; attacks do not
    count.
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
    assert found["drift_documents"] == counted + 4000
    assert found["input_drift_psi,turbine.temperature_c"] > 0.25
    assert found["input_drift_psi,turbine.state.mode"] < 0.05


def test_metrics_ask_for_a_token_and_never_hold_what_a_client_invents(guarded: Guarded) -> None:
    """Labels are routes and codes of ours."""
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{guarded.service.url}/metrics", timeout=WAIT_S)
    for number in range(5):
        ask(f"{guarded.service.url}/v1/invented-{number}", headers={"Authorization": f"Bearer {FIXED}"})
    names = guarded.metrics()
    assert names["requests_total,other,404"] >= 5
    assert not [name for name in names if "invented" in name]


def test_tokens_rotate_without_a_restart(guarded: Guarded) -> None:
    """The new one holds in every worker within two seconds, the old one no more; a spoilt file changes nothing."""
    assert {guarded.page(HEALTHY, token=token)[0] for token in (FIXED, FIRST)} == {200}
    assert guarded.page(HEALTHY, token=SECOND)[0] == 401
    guarded.tokens.write_text(f"# rotated\n{SECOND}\n", encoding="utf-8")
    time.sleep(1.1)

    def answers(token: str) -> set[int]:
        return {guarded.page(HEALTHY, token=token)[0] for _ in range(12)}

    assert until(lambda: answers(SECOND) == {200} and answers(FIRST) == {401})
    guarded.tokens.write_text("", encoding="utf-8")
    time.sleep(1.1)
    assert answers(SECOND) == {200}
    assert until(lambda: any("the previous tokens stay valid" in line["message"] for line in guarded.lines()))


def test_a_worker_that_is_replaced_while_the_file_is_spoilt_keeps_the_last_good_tokens(guarded: Guarded) -> None:
    """It could read none itself, and without them the service would end."""
    good = next(token for token in (FIRST, SECOND) if guarded.page(HEALTHY, token=token)[0] == 200)
    before, text = guarded.metrics().get("worker_restarts_total", 0), guarded.tokens.read_text(encoding="utf-8")
    guarded.tokens.write_text("", encoding="utf-8")
    guarded.service.workers()[0].kill()
    assert until(lambda: guarded.metrics().get("worker_restarts_total", 0) == before + 1)
    assert {guarded.page(HEALTHY, token=good)[0] for _ in range(12)} == {200}
    guarded.tokens.write_text(text, encoding="utf-8")


def test_every_request_leaves_one_line_with_its_ids_and_no_secret(guarded: Guarded) -> None:
    """The caller's ids if they are sane, else one of ours; counts of documents; nothing of what was sent."""
    guarded.page(HEALTHY, {}, headers={"X-Request-Id": "call-77", "traceparent": PARENT})
    ask(f"{guarded.service.url}/v1/model?token=hush-query", headers={"Authorization": "Bearer hush-wrong"})
    assert until(lambda: guarded.lines()[-1]["http"]["response"]["status_code"] == 401)
    one = next(line for line in guarded.lines() if line.get("http", {}).get("request", {}).get("id") == "call-77")
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
