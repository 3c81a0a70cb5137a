"""A shadow's prediction in stored documents: stored beside the verdict, searchable, and removed without a shadow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contract.documents.paths import leaves
from enrich_service.model.model_file import read
from enrich_service.model.pointer import Pointer, version_path, write_pointer
from tests.artifacts import TURBINE, write_model
from tests.integration.enrich_service.requests import ask
from tests.integration.watcher.conftest import Place, events
from tests.servers import enrich_service
from tests.waiting import until
from watcher.read.poll import EARLIER_FIELDS
from watcher.write.actions import REMOVED_ELSEWHERE, REMOVED_HERE


@pytest.fixture
def engine_url(embedded_url: str) -> str:
    """One engine is enough: other tests check the writes on all three."""
    return embedded_url


def test_fields_of_an_earlier_verdict_are_read_before_the_next_write() -> None:
    """The watcher must fetch a field to remove it where it exists."""
    assert set(REMOVED_HERE) | set(REMOVED_ELSEWHERE) <= set(EARLIER_FIELDS)


def test_a_shadow_is_stored_beside_the_verdict_and_removed_when_it_is_off(place: Place, tmp_path: Path) -> None:
    """A rescored document looks as if predicted once, by the models that are active then."""
    labels = (TURBINE.labels[0], replace(TURBINE.labels[1], name="calm"), TURBINE.labels[2])
    files = [write_model(tmp_path / "one.onnx"), write_model(tmp_path / "two.onnx", replace(TURBINE, labels=labels))]
    active, shadow = (read(file).version for file in files)
    folder = tmp_path / "live"
    version_path(folder, active).parent.mkdir(parents=True)
    for file, version in zip(files, (active, shadow), strict=True):
        version_path(folder, version).write_bytes(file.read_bytes())
    write_pointer(folder, Pointer(active, shadow=shadow))
    page = {"documents": [{"id": "a", "source": events(1)["doc-0"]}]}
    with enrich_service(folder) as url:
        place.put(events(6))
        assert place.watch(url).enriched == 6
        shadows = [source["oversight"]["shadow"] for source in place.sources().values()]
        assert {one["label"] for one in shadows} == {"calm", "overheating", "bearing_wear"}
        assert {one["model"]["version"] for one in shadows} == {shadow}
        found = place.es.count(index=place.index, query={"term": {"oversight.shadow.agrees": False}})["count"]
        assert found == 2, "the healthy documents, which the shadow labels calm"

        write_pointer(folder, Pointer(active))
        assert until(lambda: "shadow" not in ask(f"{url}/v1/enrich", page)[1]["results"][0]["fields"]["oversight"])
        for doc_id in place.sources():
            place.es.update(index=place.index, id=doc_id, doc={"oversight": {"status": "pending"}}, refresh=True)
        assert place.watch(url).enriched == 6
    for source in place.sources().values():
        left = {
            path for path, value in leaves(source) if path.startswith("oversight.shadow") and value not in (None, {})
        }
        assert left == set()
        assert source["oversight"]["model"]["version"] == active
