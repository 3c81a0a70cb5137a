"""Line ends, half lines, batches."""

from __future__ import annotations

import io
import tracemalloc

import pytest

from contract.errors import InputError
from es_pipelines.reading.lines import Line, Lines, batches, skip_line_end, split


def lines_of(content: bytes, **options: bool) -> list[Line]:
    return list(split(io.BytesIO(content).read, Lines(0), **options))


def test_both_line_ends_are_accepted_and_blank_lines_count() -> None:
    assert [line.content for line in lines_of(b"a\r\n\n\r\nb\n")] == [b"a", b"", b"", b"b"]


def test_a_line_end_at_the_end_of_the_file_begins_no_line() -> None:
    assert lines_of(b"a\n") == [Line(0, b"a", 2)]
    assert lines_of(b"") == []


def test_only_the_return_before_a_newline_belongs_to_the_line_end() -> None:
    assert [line.content for line in lines_of(b"a\rb\r\r\n")] == [b"a\rb\r"]


def test_a_last_line_without_a_line_end_counts_or_waits() -> None:
    assert lines_of(b"a\nb", complete=True)[-1] == Line(2, b"b", 3, terminated=False)
    assert lines_of(b"a\nb", complete=False) == [Line(0, b"a", 2)]


def test_a_line_that_is_too_long_is_an_error_with_its_position() -> None:
    with pytest.raises(InputError, match="the line at byte 2 is longer than 4 bytes"):
        list(split(io.BytesIO(b"a\nbbbbbbb").read, Lines(0, max_line_bytes=4), chunk_bytes=2))


@pytest.mark.parametrize("chunk_bytes", range(1, 20))
def test_a_line_that_is_too_long_is_skipped_with_its_bytes(chunk_bytes: int) -> None:
    """A line of just the limit is read, whatever the chunks are."""
    read = io.BytesIO(b"a\nbbbbb\ncccc\ndddddddd").read
    lines = list(split(read, Lines(0, max_line_bytes=4, skip_too_long=True), chunk_bytes=chunk_bytes))
    assert lines == [
        Line(0, b"a", 2),
        Line(2, b"", 8, too_long=True),
        Line(8, b"cccc", 13),
        Line(13, b"", 21, terminated=False, too_long=True),
    ]


def test_of_a_line_that_is_too_long_nothing_is_kept_in_memory() -> None:
    lines, chunk = Lines(0, skip_too_long=True), b"x" * 2**20
    tracemalloc.start()
    try:
        for _ in range(100):
            assert list(lines.feed(chunk)) == []
        assert tracemalloc.get_traced_memory()[0] < 2**20
    finally:
        tracemalloc.stop()
    assert [line.content for line in lines.feed(b"\nafter\n")] == [b"", b"after"]


@pytest.mark.parametrize(
    ("following", "skipped"),
    [(b"", 0), (b"\r", 0), (b"\n", 1), (b"\nx", 1), (b"\r\n", 2), (b"x", None), (b"\rx", None), (b" \n", None)],
)
def test_the_bytes_after_a_last_line_without_a_line_end(following: bytes, skipped: int | None) -> None:
    """A line end is skipped; other bytes mean that the line continues."""
    assert skip_line_end(following) == skipped


def test_batches_are_bounded_by_count_and_by_bytes() -> None:
    items = [3, 3, 3, 1, 1, 1, 1]
    found = list(batches(items, int, max_count=3, max_bytes=7))
    assert found == [[3, 3], [3, 1, 1], [1, 1]]


def test_a_large_item_is_a_batch_by_itself() -> None:
    found = list(batches([1, 50, 1, 1000, 1], int, max_count=10, max_bytes=100))
    assert found == [[1, 50, 1], [1000], [1]]


def test_the_items_before_an_error_are_still_a_batch() -> None:
    lines = split(io.BytesIO(b"a\nbbbbbbb").read, Lines(0, max_line_bytes=4), chunk_bytes=2)
    found = batches(lines, lambda line: 1, max_count=9, max_bytes=9)
    assert [line.content for line in next(found)] == [b"a"]
    with pytest.raises(InputError):
        next(found)
