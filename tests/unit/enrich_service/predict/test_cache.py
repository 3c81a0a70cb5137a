"""Cached results per row: limited in size, from one model only, and equal to new results."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from enrich_service.model.artifact import Artifact, load
from enrich_service.predict.cache import ENTRY_BYTES, MAX_KEY_BYTES, Known, ResultCache
from enrich_service.predict.enrich import Enricher
from enrich_service.predict.serving import Serving
from tests.artifacts import HEALTHY, HOT, STRANGE, TURBINE, WORN, write_model
from tests.enriching import enriched

SOURCES: list[dict[str, Any]] = [HEALTHY, HOT, HEALTHY, {"turbine": {}}, STRANGE, HOT, WORN, HEALTHY]


class Counts:
    """The totals of what pages report."""

    def __init__(self) -> None:
        self.documents: list[Known] = []
        self.known = 0

    def __call__(self, documents: Sequence[Known], n_cached: int) -> None:
        self.documents += documents
        self.known += n_cached


def results(artifact: Artifact, cache_bytes: int, pages: int = 3) -> tuple[list[Any], Counts]:
    """The results of the same page several times, and the counts."""
    counts = Counts()
    enricher = Enricher(artifact, on_enriched=counts, cache_bytes=cache_bytes)
    return [enriched(enricher, *SOURCES) for _ in range(pages)], counts


def kept(turbine: Artifact) -> Known:
    """An entry of the cache."""
    counts = Counts()
    enriched(Enricher(turbine, on_enriched=counts), HEALTHY)
    return counts.documents[0]


def test_a_result_is_the_same_with_and_without_a_cache(turbine: Artifact) -> None:
    """Rows of an earlier page, with a document's error between them."""
    assert results(turbine, 1 << 20)[0] == results(turbine, 0)[0]


def test_the_counts_are_the_same_with_and_without_a_cache(turbine: Artifact) -> None:
    """Verdicts and values of every document, cached or not."""
    (_, cached), (_, without) = results(turbine, 1 << 20), results(turbine, 0)
    assert (cached.known, without.known) == (2 * 4, 0)
    assert [(one.fields, one.row) for one in cached.documents] == [(one.fields, one.row) for one in without.documents]
    assert len(cached.documents) == 3 * 7


def test_a_document_is_cached_by_the_text_of_its_fields(turbine: Artifact) -> None:
    """Another id is still a hit; another spelling is read again, with the same result."""
    counts = Counts()
    enricher = Enricher(turbine, on_enriched=counts)
    dotted = {"turbine.temperature_c": 125, "turbine.vibration_mm_s": 1.5, "turbine.state.mode": "steady"}
    first, again, other = (enriched(enricher, source)[0]["fields"] for source in (HOT, HOT, dotted))
    assert first == again == other
    assert counts.known == 1


def test_a_very_long_document_is_not_cached(turbine: Artifact) -> None:
    """Many of them would fill the memory, so the service computes each again."""
    counts = Counts()
    enricher = Enricher(turbine, on_enriched=counts)
    for _ in range(2):
        enriched(enricher, {**HOT, "message": "x" * MAX_KEY_BYTES})
    assert counts.known == 0


def test_a_shadow_is_not_in_cached_results(tmp_path: Path, turbine: Artifact) -> None:
    """Otherwise its predictions would be in results after it was switched off."""
    shadow = load(write_model(tmp_path / "shadow.onnx", replace(TURBINE, heldout={"n": 1})))
    serving = Serving(turbine, shadow)
    assert "shadow" in enriched(serving, HOT)[0]["fields"]["oversight"]
    assert "shadow" not in enriched(serving.enricher, HOT)[0]["fields"]["oversight"]


def test_a_row_that_the_model_cannot_compute_is_not_cached(tmp_path: Path) -> None:
    """Each such document gets its error every time, equal documents too, and the others get their results."""

    def overflow(model: Any) -> None:
        scale = next(tensor for tensor in model.graph.initializer if tensor.name == "scale")
        scale.raw_data = np.array([1.0, 1e6], np.float32).tobytes()

    counts = Counts()
    enricher = Enricher(load(write_model(tmp_path / "model.onnx", change=overflow)), on_enriched=counts)
    huge = {"turbine": {"temperature_c": 90, "vibration_mm_s": -3e38, "state": {"mode": "off"}}}
    for _ in range(2):
        found = enriched(enricher, huge, HEALTHY, huge, HEALTHY)
        assert ["error" in result for result in found] == [True, False, True, False]
        assert {result["error"]["type"] for result in found if "error" in result} == {"invalid_feature"}
    assert (len(counts.documents), counts.known) == (4, 2)
    assert enriched(enricher, huge)[0]["error"]["type"] == "invalid_feature"


def test_the_cache_never_exceeds_its_bytes(turbine: Artifact) -> None:
    """When it is full, it drops the older half at once."""
    size = ENTRY_BYTES + 4
    cache, entry = ResultCache(100 * size), kept(turbine)
    for number in range(1000):
        cache.put([(number.to_bytes(4, "big"), entry)])
        assert cache.get([number.to_bytes(4, "big")]) == [entry]
        assert len(cache) <= 100
    assert cache.get([(3).to_bytes(4, "big")]) == [None]
    assert len(cache) >= 50


def test_without_memory_nothing_is_cached(turbine: Artifact) -> None:
    """As documented for the setting 0."""
    cache = ResultCache(0)
    cache.put([(b"row", kept(turbine))])
    assert (cache.get([b"row"]), len(cache)) == ([None], 0)


def test_threads_share_it(turbine: Artifact) -> None:
    """Many pages at once, in a cache that is too small for them: every result is right."""
    enricher = Enricher(turbine, cache_bytes=4 * ENTRY_BYTES)
    right = enriched(enricher, *SOURCES)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: enriched(enricher, *SOURCES), range(64)))
    assert found == [right] * 64


@pytest.mark.parametrize("cache_bytes", [0, 1 << 20])
def test_a_page_without_a_readable_document_is_answered(turbine: Artifact, cache_bytes: int) -> None:
    """It has no row to look up."""
    enricher = Enricher(turbine, cache_bytes=cache_bytes)
    assert ["error" in result for result in enriched(enricher, {}, {"turbine": 1})] == [True, True]
    assert enriched(enricher) == []
