"""When the watcher reads whole documents, and when only the needed fields."""

from __future__ import annotations

from watcher.read.hit import Hit
from watcher.read.page_size import FEW, PAGES, SMALL_BYTES, Reading

MIB = 1024 * 1024


def page(n_bytes: int, count: int = 100) -> list[Hit]:
    return [Hit("index", str(number), 1, 1, {"x": "y" * n_bytes}) for number in range(count)]


def test_the_first_page_is_small_because_the_size_of_its_documents_is_unknown() -> None:
    reading = Reading()
    assert reading.whole
    assert reading.size(1_000) == FEW
    assert reading.size(10) == 10


def test_small_documents_are_read_whole_in_full_pages() -> None:
    reading = Reading()
    reading.saw(page(1_500), whole=True)
    assert reading.whole
    assert reading.size(1_000) == 1_000


def test_large_documents_are_not_read_whole_for_a_while() -> None:
    """A page of them would fill the memory; after many pages the watcher tries a small one."""
    reading = Reading()
    reading.saw(page(1_500), whole=True)
    reading.saw(page(2 * SMALL_BYTES), whole=True)
    for _ in range(PAGES):
        assert not reading.whole
        assert reading.size(1_000) == 1_000
        reading.saw(page(10), whole=False)
    assert reading.whole
    assert reading.size(1_000) == FEW


def test_after_a_page_above_the_limit_the_size_starts_small_and_doubles() -> None:
    """The engine builds a page in its heap before it sends it, so half of a far too large page would still be too
    large.

    The engine also holds the documents of one bulk update: about 32 MB, here 800 documents of 42 KB.
    """
    reading = Reading()
    assert reading.too_large(1_000, 99, 4 * MIB, whole=True)
    sizes = []
    for _ in range(10):
        assert not reading.whole
        sizes.append(reading.size(1_000))
        reading.saw(page(10, sizes[-1]), whole=False)
    assert sizes == [99, 198, 396, 792, 800, 800, 800, 800, 800, 800]


def test_a_single_document_above_the_limit_cannot_be_read_in_parts() -> None:
    reading = Reading()
    assert reading.too_large(20, 0, 4 * MIB, whole=True)
    assert reading.size(1_000) == 1
    assert not reading.too_large(1, 0, 4 * MIB, whole=False)
    assert reading.size(1_000) == 1
    reading.saw(page(10, 1), whole=False)
    assert reading.size(1_000) == 2


def test_documents_of_5_mb_are_updated_a_few_at_a_time() -> None:
    """Their fields are small, but an update reads and writes each document as a whole."""
    reading = Reading()
    reading.too_large(20, 0, 4 * MIB, whole=True)
    for _ in range(20):
        reading.saw(page(10, reading.size(1_000)), whole=False)
    assert reading.size(1_000) == 8


def test_documents_that_are_always_read_whole_begin_with_few_and_grow() -> None:
    reading = Reading(chooses=False)
    sizes = []
    for _ in range(4):
        assert reading.whole
        sizes.append(reading.size(100))
        reading.saw(page(9_000, sizes[-1]), whole=True)
    assert sizes == [50, 100, 100, 100]
    assert reading.too_large(100, 7, 4 * MIB, whole=True)
    assert reading.size(100) == 7
