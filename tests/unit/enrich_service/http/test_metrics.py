"""The metrics: their values, and their descriptions in the docs."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from common.access.tokens import Tokens
from contract.artifact.site_profile import read_profile
from enrich_service.http.app import create_app
from enrich_service.http.metrics import Metrics
from enrich_service.model.artifact import Artifact, load
from enrich_service.predict.enrich import Enricher
from enrich_service.settings import ServeSettings
from tests.artifacts import HEALTHY, HOT, STRANGE, TURBINE, write_model
from tests.enriching import enriched
from tests.profiles import features, write_profile

PAGE = Path(__file__).resolve().parents[4] / "docs" / "metrics.md"


def samples(metrics: Metrics) -> dict[str, float]:
    """Every sample with its labels, as Prometheus would read them."""
    found = {}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            found[f"{sample.name.removeprefix('oversight_enrich_')}{{{labels}}}"] = sample.value
    return found


@pytest.fixture
def metrics(turbine: Artifact) -> Metrics:
    """Metrics of a single process after one page of each kind of document."""
    one = Metrics()
    enricher = Enricher(turbine, on_enriched=one.serves(turbine.contract, turbine.version))
    sources: list[dict[str, Any]] = [HEALTHY, HEALTHY, HOT, STRANGE, {"turbine": {}}]
    results = enriched(enricher, *sources)
    failures = Counter(result["error"]["type"] for result in results if "error" in result)
    one.request_began()
    one.request_ended("/v1/enrich", 200, 0.02, None)
    one.page_ended(len(results), failures)
    one.compared({("healthy", "healthy"): 2, ("healthy", "overheating"): 1})
    one.request_began()
    one.request_ended("other", 404, 0.001, "not_found")
    return one


def test_documents_are_counted_by_their_result(metrics: Metrics) -> None:
    """Verdicts by label, including unknown, and each failed document by its error."""
    found = samples(metrics)
    assert found["documents_total{}"] == 5
    assert found['predictions_total{label="healthy"}'] == 2
    assert found['predictions_total{label="overheating"}'] == 1
    assert found['predictions_total{label="unknown"}'] == 1
    assert found['document_failures_total{error_type="missing_feature"}'] == 1
    assert found["novel_documents_total{}"] >= 1
    assert found['warnings_total{warning="out_of_range:turbine.temperature_c"}'] == 1
    assert found['batch_documents_bucket{le="1.0"}'] == 0
    assert found['batch_documents_bucket{le="10.0"}'] == 1
    assert found['shadow_comparisons_total{label="healthy",shadow_label="overheating"}'] == 1


def test_a_request_is_counted_by_route_and_status(metrics: Metrics) -> None:
    """A refusal also by its reason; no request is in flight afterwards."""
    found = samples(metrics)
    assert found['requests_total{route="/v1/enrich",status="200"}'] == 1
    assert found['refusals_total{error_type="not_found"}'] == 1
    assert found['request_duration_seconds_bucket{le="0.025",route="/v1/enrich"}'] == 1
    assert found['request_duration_seconds_sum{route="/v1/enrich"}'] == pytest.approx(0.02)
    assert found["requests_in_flight{}"] == 0


def test_the_model_is_named(metrics: Metrics, turbine: Artifact) -> None:
    """So a dashboard shows a change of version beside its effects."""
    assert samples(metrics)[f'model_info{{id="turbine",version="{turbine.version}"}}'] == 1


def test_the_page_describes_every_metric_and_no_other(metrics: Metrics) -> None:
    """A table row for each, with its type and its labels."""
    rows = re.findall(
        r"^\| `(oversight_enrich_\w+)` \| (\w+) \|([^|]*)\|", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    written = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    exposed = {}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        name = {"counter": f"{family.name}_total", "info": f"{family.name}_info"}.get(family.type, family.name)
        if name.endswith("_created"):  # only of a single process
            continue
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        exposed[name] = ("gauge" if name.endswith("_info") else family.type, labels)
    assert written.keys() == exposed.keys()
    for name, (kind, labels) in exposed.items():
        assert written[name][0] == kind, name
        assert labels <= written[name][1], name


@pytest.mark.parametrize(("open_metrics", "status"), [(False, 401), (True, 200)])
def test_metrics_require_a_token_unless_they_are_open(turbine: Artifact, open_metrics: bool, status: int) -> None:
    """A scraper may have none; every other route still requires one."""
    client = create_app(turbine, ServeSettings(open_metrics=open_metrics), tokens=Tokens("hush")).test_client()
    answer = client.get("/metrics")
    assert answer.status_code == status
    if open_metrics:
        assert answer.content_type.startswith("text/plain; version=")
    assert client.get("/v1/model").status_code == 401


def test_only_harmless_documents_count_for_the_drift(tmp_path: Path) -> None:
    """A scan is no drift: an attack does not count, neither alone in its page nor among others."""
    features = tuple(
        replace(feature, profile_edges=(60.0,), profile_shares=(0.5, 0.5)) if feature.kind == "float" else feature
        for feature in TURBINE.features
    )
    artifact, one = load(write_model(tmp_path / "model.onnx", replace(TURBINE, features=features))), Metrics()
    enricher = Enricher(artifact, on_enriched=one.serves(artifact.contract, artifact.version))
    enriched(enricher, HOT)
    assert samples(one)["drift_documents{}"] == 0
    enriched(enricher, HEALTHY, HOT, HEALTHY)
    assert samples(one)["drift_documents{}"] == 2


def test_with_a_profile_the_drift_is_that_from_the_site(tmp_path: Path) -> None:
    """The same documents: as the profile says, and far from training."""
    hot = {"turbine": {"temperature_c": 76.0, "vibration_mm_s": 0.1, "state": {"mode": "starting"}}}
    warm = {"turbine": {"temperature_c": 70.0, "vibration_mm_s": 2.0, "state": {"mode": "starting"}}}
    trained = [
        replace(feature, profile_edges=(60.0,), profile_shares=(0.5, 0.5)) if feature.kind == "float" else feature
        for feature in TURBINE.features
    ]
    artifact = load(write_model(tmp_path / "model.onnx", replace(TURBINE, features=tuple(trained))))
    measured = features("temperature_c", profile_edges=[70.0], profile_shares=[0.5, 0.5])
    profile = read_profile(write_profile(tmp_path / "site.json", features=measured))
    psi = {}
    for site in (None, profile):
        client = create_app(artifact, ServeSettings(), profile=site).test_client()
        documents = [{"id": str(number), "source": (hot, warm)[number % 2]} for number in range(1000)]
        for begin in range(0, 1000, 50):
            assert client.post("/v1/enrich", json={"documents": documents[begin : begin + 50]}).status_code == 200
        lines = client.get("/metrics").get_data(as_text=True).splitlines()
        start = 'oversight_enrich_input_drift_psi{feature="turbine.temperature_c"} '
        psi[site is not None] = float(next(line for line in lines if line.startswith(start)).removeprefix(start))
    assert psi[False] > 3
    assert psi[True] < 0.01


def test_the_model_page_names_the_profile(turbine: Artifact, tmp_path: Path) -> None:
    """Its digest and what it was measured on; without a profile there is no such key."""
    profile = read_profile(write_profile(tmp_path / "site.json"))
    page = create_app(turbine, ServeSettings(), profile=profile).test_client().get("/v1/model").get_json()
    assert page["profile"] == {
        "sha256": profile.sha256,
        "rows": 900,
        "since": "2026-11-30T10:00:00Z",
        "until": "2026-11-30T11:00:00Z",
    }
    assert page["contract"] == TURBINE.to_dict(), "the model's own contract does not change"
    assert "profile" not in create_app(turbine, ServeSettings()).test_client().get("/v1/model").get_json()
