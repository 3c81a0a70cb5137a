"""A hit is exactly one of fresh, stale, quarantined and looping."""

from __future__ import annotations

from watcher.read.hit import Hit
from watcher.read.remembered import QUARANTINE_S, STALE_S, Memory


def hit(seq_no: int, doc_id: str = "a", index: str = "i") -> Hit:
    return Hit(index, doc_id, seq_no, 1, {})


def kind(memory: Memory, one: Hit, now_s: float) -> str:
    admitted = memory.admit([one], now_s)
    (name,) = [name for name in ("fresh", "stale", "quarantined", "looping") if getattr(admitted, name)]
    return name


def test_an_unknown_document_is_fresh() -> None:
    assert kind(Memory(), hit(3), 0.0) == "fresh"


def test_a_hit_older_than_our_write_is_stale() -> None:
    """Our write has number 9; the search still shows number 3."""
    memory = Memory()
    memory.wrote([(hit(3), 9)], 0.0)
    assert kind(memory, hit(3), 1.0) == "stale"
    assert kind(memory, hit(3, index="another"), 1.0) == "fresh"


def test_a_hit_does_not_stay_stale_for_ever() -> None:
    """A recreated index counts from 0 again."""
    memory = Memory()
    memory.wrote([(hit(3), 9)], 0.0)
    assert kind(memory, hit(3), STALE_S + 1) == "fresh"


def test_a_later_write_of_another_writer_is_fresh() -> None:
    memory = Memory()
    memory.wrote([(hit(3), 9)], 0.0)
    assert kind(memory, hit(12), 1.0) == "fresh"


def test_a_lost_race_is_stale_until_the_search_shows_the_other_write() -> None:
    memory = Memory()
    memory.lost(hit(3), 0.0)
    assert kind(memory, hit(3), 1.0) == "stale"
    assert kind(memory, hit(4), 1.0) == "fresh"


def test_after_a_refresh_no_hit_is_stale() -> None:
    memory = Memory()
    memory.lost(hit(3), 0.0)
    assert memory.admit([hit(3)], 1.0, stale_s=0.0).fresh == [hit(3)]


def test_two_conflicts_with_the_same_write_are_no_race() -> None:
    """The search returns a document that the engine cannot find for a write."""
    memory = Memory()
    assert not memory.lost(hit(3), 0.0)
    assert not memory.lost(hit(5), 1.0)
    assert memory.lost(hit(5), 2.0)


def test_our_own_write_that_is_still_pending_loops_once_and_then_is_quarantined() -> None:
    memory = Memory()
    memory.wrote([(hit(3), 9)], 0.0)
    assert kind(memory, hit(9), 1.0) == "looping"
    assert kind(memory, hit(9), 2.0) == "quarantined"


def test_a_quarantined_document_is_tried_again_after_pauses_that_grow() -> None:
    memory = Memory()
    assert memory.quarantine(hit(3), 0.0)
    assert kind(memory, hit(3), QUARANTINE_S - 1) == "quarantined"
    assert kind(memory, hit(3), QUARANTINE_S + 1) == "fresh"
    assert not memory.quarantine(hit(3), QUARANTINE_S + 1)  # it is known already, so it is not reported again
    assert kind(memory, hit(3), 2.5 * QUARANTINE_S) == "quarantined"
    assert kind(memory, hit(3), 3.1 * QUARANTINE_S) == "fresh"


def test_a_quarantined_document_that_changes_is_fresh_at_once() -> None:
    memory = Memory()
    memory.quarantine(hit(3), 0.0)
    assert kind(memory, hit(4), 1.0) == "fresh"


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    memory = Memory(written=10, quarantined=10)
    for number in range(100):
        memory.wrote([(hit(0, f"doc-{number}"), 5)], 0.0)
        memory.quarantine(hit(0, f"quarantined-{number}"), 0.0)
    assert kind(memory, hit(0, "doc-0"), 1.0) == "fresh"
    assert kind(memory, hit(0, "doc-99"), 1.0) == "stale"
    assert all(kind(memory, hit(0, f"doc-{number}"), 1.0) == "stale" for number in range(90, 100))
    assert sum(kind(memory, hit(0, f"doc-{number}"), 1.0) == "stale" for number in range(100)) <= 20
    assert kind(memory, hit(0, "quarantined-0"), 1.0) == "fresh"
    assert kind(memory, hit(0, "quarantined-99"), 1.0) == "quarantined"
