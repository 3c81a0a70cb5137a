"""Results that are kept by row: bounded, of one model, and nobody can tell them from new ones."""

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
    """What is reported of the pages, added up."""

    def __init__(self) -> None:
        self.documents: list[Known] = []
        self.known = 0

    def __call__(self, documents: Sequence[Known], n_cached: int) -> None:
        self.documents += documents
        self.known += n_cached


def results(artifact: Artifact, cache_bytes: int, pages: int = 3) -> tuple[list[Any], Counts]:
    """The same page some times, and what was counted."""
    counts = Counts()
    enricher = Enricher(artifact, on_enriched=counts, cache_bytes=cache_bytes)
    return [enriched(enricher, *SOURCES) for _ in range(pages)], counts


def kept(turbine: Artifact) -> Known:
    """An entry."""
    counts = Counts()
    enriched(Enricher(turbine, on_enriched=counts), HEALTHY)
    return counts.documents[0]


def test_a_result_is_the_same_with_and_without(turbine: Artifact) -> None:
    """Rows of an earlier page, and a document's error between them."""
    assert results(turbine, 1 << 20)[0] == results(turbine, 0)[0]


def test_what_is_counted_is_the_same_with_and_without(turbine: Artifact) -> None:
    """Verdicts and values of every document, however its result was found."""
    (_, cached), (_, without) = results(turbine, 1 << 20), results(turbine, 0)
    assert (cached.known, without.known) == (2 * 7, 0)
    assert [(one.fields, one.row) for one in cached.documents] == [(one.fields, one.row) for one in without.documents]
    assert len(cached.documents) == 3 * 7


def test_a_document_is_known_by_the_text_of_its_fields(turbine: Artifact) -> None:
    """Under another id it is known too; written in another way it is read again, with the same result."""
    counts = Counts()
    enricher = Enricher(turbine, on_enriched=counts)
    dotted = {"turbine.temperature_c": 125, "turbine.vibration_mm_s": 1.5, "turbine.state.mode": "steady"}
    first, again, other = (enriched(enricher, source)[0]["fields"] for source in (HOT, HOT, dotted))
    assert first == again == other
    assert counts.known == 1


def test_a_very_long_document_is_not_kept(turbine: Artifact) -> None:
    """It is its own client's to wait for; many of them would fill the memory."""
    counts = Counts()
    enricher = Enricher(turbine, on_enriched=counts)
    for _ in range(2):
        enriched(enricher, {**HOT, "message": "x" * MAX_KEY_BYTES})
    assert counts.known == 0


def test_a_shadow_leaves_no_trace_in_what_is_kept(tmp_path: Path, turbine: Artifact) -> None:
    """Else its answer would be found in results after it was switched off."""
    shadow = load(write_model(tmp_path / "shadow.onnx", replace(TURBINE, heldout={"n": 1})))
    serving = Serving(turbine, shadow)
    assert "shadow" in enriched(serving, HOT)[0]["fields"]["oversight"]
    assert "shadow" not in enriched(serving.enricher, HOT)[0]["fields"]["oversight"]


def test_a_row_that_the_model_cannot_compute_is_not_kept(tmp_path: Path) -> None:
    """Each such document gets its error each time, equal ones too, and the others their results."""

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


def test_it_never_holds_more_than_its_bytes(turbine: Artifact) -> None:
    """When it is full the older half goes at once."""
    size = ENTRY_BYTES + 4
    cache, entry = ResultCache(100 * size), kept(turbine)
    for number in range(1000):
        cache.put([(number.to_bytes(4, "big"), entry)])
        assert cache.get([number.to_bytes(4, "big")]) == [entry]
        assert len(cache) <= 100
    assert cache.get([(3).to_bytes(4, "big")]) == [None]
    assert len(cache) >= 50


def test_without_memory_nothing_is_kept(turbine: Artifact) -> None:
    """As the setting promises for 0."""
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
    """There is no row to look up then."""
    enricher = Enricher(turbine, cache_bytes=cache_bytes)
    assert ["error" in result for result in enriched(enricher, {}, {"turbine": 1})] == [True, True]
    assert enriched(enricher) == []
