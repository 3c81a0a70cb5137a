"""When whole documents are read, and when only the fields that are needed."""

from __future__ import annotations

from watcher.poll import Hit
from watcher.reading import FEW, PAGES, SMALL_BYTES, Reading


def page(n_bytes: int, count: int = 100) -> list[Hit]:
    return [Hit("index", str(number), 1, 1, {"x": "y" * n_bytes}) for number in range(count)]


def test_the_first_page_is_small_since_nobody_knows_how_large_its_documents_are() -> None:
    reading = Reading()
    assert reading.whole
    assert reading.size(1_000) == FEW
    assert reading.size(10) == 10


def test_small_documents_are_read_whole_in_full_pages() -> None:
    reading = Reading()
    reading.saw(page(1_500), 1_000, whole=True)
    assert reading.whole
    assert reading.size(1_000) == 1_000


def test_large_documents_are_not_read_whole_for_a_while() -> None:
    """A page of them would fill the memory; after many pages a small one looks again."""
    reading = Reading()
    reading.saw(page(1_500), 1_000, whole=True)
    reading.saw(page(2 * SMALL_BYTES), 1_000, whole=True)
    for _ in range(PAGES):
        assert not reading.whole
        assert reading.size(1_000) == 1_000
        reading.saw(page(10), 1_000, whole=False)
    assert reading.whole
    assert reading.size(1_000) == FEW
