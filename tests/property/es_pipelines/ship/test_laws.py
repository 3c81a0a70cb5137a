"""Laws of lines, ids and the registry for any bytes."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from es_pipelines.reading.lines import Line, Lines, batches, split
from es_pipelines.ship.events import Identity, event_of, text_of
from es_pipelines.ship.registry import Entry, Registry, load

ALPHABET = st.sampled_from([b"\n", b"\r", b"\r\n", b"a", b",", b"\xff", b"\x00", "é".encode()])
CONTENT = st.lists(ALPHABET, max_size=60).map(b"".join)
NAMES = st.text(st.characters(codec="utf-8"), max_size=8)
NUMBERS = st.integers(0, 2**63 - 1)
ENTRIES = st.builds(
    Entry,
    device=NUMBERS,
    inode=NUMBERS,
    path=NAMES,
    observer=NAMES,
    name=NAMES,
    generation=NUMBERS,
    observer_given=st.booleans(),
    offset=NUMBERS,
    open_line=st.integers(-1, 2**40),
    head=NAMES,
    tail=NAMES,
    checksum=NUMBERS,
    events=NUMBERS,
    header=st.integers(-1, 2**40),
    earlier=st.lists(NAMES, max_size=3).map(tuple),
)


def lines_of(content: bytes, chunk_bytes: int = 1 << 20, start: int = 0) -> list[Line]:
    return list(split(io.BytesIO(content).read, Lines(start), chunk_bytes=chunk_bytes))


@given(CONTENT)
def test_lines_cover_every_byte_exactly_once(content: bytes) -> None:
    """Each line begins where the one before ends; together they are the file."""
    lines = lines_of(content)
    assert [line.offset for line in lines] == [0, *(line.end for line in lines)][: len(lines)]
    assert b"".join(content[line.offset : line.end] for line in lines) == content


@given(CONTENT)
def test_a_line_with_its_line_end_is_the_original_bytes(content: bytes) -> None:
    for line in lines_of(content):
        rest = content[line.offset + len(line.content) : line.end]
        assert content[line.offset : line.end] == line.content + rest
        assert rest in ((b"\n", b"\r\n") if line.terminated else (b"", b"\r"))
        assert b"\n" not in line.content


@given(CONTENT, st.integers(1, 7))
def test_chunk_boundaries_change_nothing(content: bytes, chunk_bytes: int) -> None:
    assert lines_of(content, chunk_bytes) == lines_of(content)


@given(CONTENT, st.data())
def test_reading_from_any_line_gives_the_same_remaining_lines(content: bytes, data: st.DataObject) -> None:
    lines = lines_of(content)
    cut = data.draw(st.integers(0, len(lines)))
    start = lines[cut].offset if cut < len(lines) else len(content)
    assert lines_of(content[start:], start=start) == lines[cut:]


@given(CONTENT, st.integers(0, 3))
def test_every_line_of_a_file_has_a_unique_and_stable_id(content: bytes, generation: int) -> None:
    """Identical lines at different offsets are different events."""
    lines = lines_of(content)
    identity = Identity("alpha", "alpha", "alpha.csv", "/alpha.csv", generation)
    ids = [event_of(identity, line).id for line in lines]
    assert len(set(ids)) == len(lines)
    assert ids == [identity.id_of(line) for line in lines]
    other = Identity("alpha", "alpha", "alpha.csv", "/alpha.csv", generation + 1)
    assert not set(ids) & {other.id_of(line) for line in lines}


@given(NAMES, NAMES, NAMES, NAMES)
def test_different_observers_and_names_give_different_ids(one: str, two: str, three: str, four: str) -> None:
    line = Line(0, b"x", 2)
    same = Identity(one, "", two, "", 0).id_of(line) == Identity(three, "", four, "", 0).id_of(line)
    assert same == ((one, two) == (three, four))


@given(st.binary(max_size=80))
def test_any_bytes_become_text_and_valid_utf_8_stays_unchanged(content: bytes) -> None:
    text, is_text = text_of(content)
    assert (text.encode() == content) if is_text else "\\x" in text


@given(st.lists(st.integers(0, 120)), st.integers(1, 5), st.integers(1, 100))
def test_batches_keep_every_item_in_order_within_the_bounds(items: list[int], max_count: int, max_bytes: int) -> None:
    found = list(batches(items, int, max_count=max_count, max_bytes=max_bytes))
    assert [item for batch in found for item in batch] == items
    for batch in found:
        assert 1 <= len(batch) <= max_count
        assert sum(batch) <= max_bytes or len(batch) == 1


@given(st.lists(ENTRIES, max_size=5), NAMES, NUMBERS)
def test_a_loaded_registry_equals_the_saved_one(entries: list[Entry], uuid: str, number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(Path(folder) / "shipped.json", entries, uuid, number)
        registry.save()
        assert load(registry.path) == registry
