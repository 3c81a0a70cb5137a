"""Results that are kept by row: bounded, of one model, and nobody can tell them from new ones."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from enrich_service.model.artifact import Artifact, load
from enrich_service.predict.cache import ENTRY_BYTES, EVERY, SMALL_PAGE, Kept, ResultCache
from enrich_service.predict.enrich import Answer, Document, Enricher, Verdicted
from enrich_service.predict.features import row_keys
from tests.artifacts import HEALTHY, HOT, STRANGE, WORN, write_model

SOURCES: list[dict[str, Any]] = [HEALTHY, HOT, HEALTHY, {"turbine": {}}, STRANGE, HOT, WORN, HEALTHY]


class Counts:
    """What is told of the pages, added up."""

    def __init__(self) -> None:
        self.closest: Counter[int] = Counter()
        self.warnings: Counter[str] = Counter()
        self.novel = self.unknown = self.rows = self.again = 0

    def __call__(self, page: Verdicted) -> None:
        self.closest.update(page.closest.tolist())
        self.warnings.update(warning for row in page.warnings for warning in row)
        self.novel += int(page.novel.sum())
        self.unknown += int(page.unknown.sum())
        self.rows += len(page.rows.numeric)
        self.again += page.again


def documents(*sources: dict[str, Any]) -> list[Document]:
    """Documents with ids of their own."""
    return [Document(f"document {place}", source) for place, source in enumerate(sources)]


def answers(artifact: Artifact, cache_bytes: int, pages: int = 3) -> tuple[list[Answer], Counts]:
    """The same page some times, and what was counted."""
    counts = Counts()
    enricher = Enricher(artifact, on_predicted=counts, cache_bytes=cache_bytes)
    return [enricher.answer(documents(*SOURCES)) for _ in range(pages)], counts


def kept(text: bytes = b"x") -> Kept:
    """An entry."""
    return text, 0, False, False, ()


def test_an_answer_is_the_same_with_and_without(turbine: Artifact) -> None:
    """Byte for byte: equal rows of a page, rows of an earlier page, and a document's error between them."""
    assert answers(turbine, 1 << 20)[0] == answers(turbine, 0)[0]


def test_what_is_counted_is_the_same_with_and_without(turbine: Artifact) -> None:
    """Labels, novelty and warnings count every document, however its result was found."""
    with_cache, without = answers(turbine, 1 << 20)[1], answers(turbine, 0)[1]
    assert (with_cache.again, without.again) == (3 * 7 - 4, 0)
    with_cache.again = 0
    assert vars(with_cache) == vars(without)


def test_a_row_that_the_model_cannot_compute_is_not_kept(tmp_path: Path) -> None:
    """Each such document gets its error each time, equal ones too, and the others their results."""

    def overflow(model: Any) -> None:
        scale = next(tensor for tensor in model.graph.initializer if tensor.name == "scale")
        scale.raw_data = np.array([1.0, 1e6], np.float32).tobytes()

    counts = Counts()
    enricher = Enricher(load(write_model(tmp_path / "model.onnx", change=overflow)), on_predicted=counts)
    huge = {"turbine": {"temperature_c": 90, "vibration_mm_s": -3e38, "state": {"mode": "off"}}}
    for _ in range(2):
        answer = enricher.answer(documents(huge, HEALTHY, huge, HEALTHY))
        assert answer.failures == {"invalid_feature": 2}
        assert [b'"error"' in result for result in answer.results] == [True, False, True, False]
    assert (counts.rows, counts.again) == (4, 3)
    assert enricher.answer(documents(huge)).failures == {"invalid_feature": 1}


def test_the_key_of_a_row_is_all_of_it(turbine: Artifact) -> None:
    """One bit of a number or one letter of a word more, and it is another row."""
    numeric = np.array([[1, 2], [1, np.nextafter(np.float32(2), np.float32(3))], [1, 2], [1, 2]], np.float32)
    words = np.array([["a", "b"], ["a", "b"], ["ab", ""], ["a", "b"]], np.object_)
    first, *others = row_keys(numeric, words)
    assert [key == first for key in others] == [False, False, True]
    assert len({*row_keys(numeric[:, :0], words)}) == 2
    assert len({*row_keys(numeric, words[:, :0])}) == 2


def test_it_never_holds_more_than_its_bytes() -> None:
    """What was looked up lately stays; the rest goes with its generation."""
    cache = ResultCache(100 * (ENTRY_BYTES + 5))
    often = b"often"
    cache.keep({often: kept()})
    for number in range(1000):
        cache.keep({number.to_bytes(4, "big"): kept()})
        assert cache.look([often]) != [None]
        assert len(cache) <= 100
    assert cache.look([(3).to_bytes(4, "big")]) == [None]


def test_what_is_larger_than_half_of_it_is_not_kept() -> None:
    """One page of very long results throws nothing else out for nothing."""
    cache = ResultCache(1000)
    cache.keep({b"long": kept(bytes(2000))})
    assert len(cache) == 0


def test_large_pages_without_equal_rows_are_looked_up_now_and_then() -> None:
    """Where looking up takes longer than it saves it costs next to nothing, and is noticed when that changes."""
    cache = ResultCache()
    for _ in range(20):
        cache.looked(1000, 900, look_s=0.002, ask_s=0.005)
    assert [cache.pays(1000) for _ in range(2 * EVERY)].count(True) == 2
    assert cache.pays(SMALL_PAGE - 1)
    for _ in range(5):
        cache.looked(1000, 900, look_s=0.002, ask_s=0.1)
    assert cache.pays(1000)
    assert not ResultCache(0).pays(1)


def test_threads_share_it(turbine: Artifact) -> None:
    """Many pages at once, in a cache that is too small for them: every answer is right."""
    enricher = Enricher(turbine, cache_bytes=4 * ENTRY_BYTES)
    right = enricher.answer(documents(*SOURCES))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: enricher.answer(documents(*SOURCES)), range(64)))
    assert found == [right] * 64


@pytest.mark.parametrize("cache_bytes", [0, 1 << 20])
def test_a_page_without_a_readable_document_is_answered(turbine: Artifact, cache_bytes: int) -> None:
    """There is no row to look up then."""
    answer = Enricher(turbine, cache_bytes=cache_bytes).answer(documents({}, {"turbine": 1}))
    assert answer.failures.total() == 2
    assert Enricher(turbine, cache_bytes=cache_bytes).answer([]).results == []
