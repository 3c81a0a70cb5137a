"""A query line is read or refused with a position; nothing else happens."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.finding.errors import QueryLineError
from console.finding.fields import Fields
from console.finding.query_line import LONGEST_LINE, parse
from console.finding.values import MOST_STARS
from tests.query_lines import TREES, written
from tests.unit.console.panel_samples import NOW_MS, contract

FIELDS = Fields(contract())
NAMES = [one["name"] for one in FIELDS.listed()]
PIECES = st.sampled_from(
    [
        *NAMES,
        *":<>=()*\"\\'?",
        "<=",
        ">=",
        " ",
        "  ",
        "\t",
        "and",
        "OR",
        "not",
        "now-24h",
        "2026-01-31T08:00Z",
        "10.0.0.0/8",
        "fe80::1",
        "::ffff:1.2.3.4/99",
        "1e999",
        "-0",
        "9" * 400,
        "true",
        "high",
        "event.original",
        "\u202e",
        "\x00",
        "\ud800",
        "é",
        "<script>",
        "10.*",
        "1.2.3.*",
    ]
) | st.text(max_size=8)
LINES = st.text(max_size=60) | st.lists(PIECES, max_size=14).map("".join) | st.lists(PIECES, max_size=14).map(" ".join)


@settings(max_examples=500)
@given(line=LINES)
def test_any_line_is_read_or_refused_at_a_character(line: str) -> None:
    try:
        found = parse(line, FIELDS, now_ms=NOW_MS)
    except QueryLineError as error:
        refused = error
    else:
        assert (found is None) == (not line.strip())
        assert orjson.dumps(found)
        assert _depth(found) <= 17  # the scope adds one, and OpenSearch accepts 20
        return
    assert 0 <= refused.position <= len(line)
    assert "\n" not in str(refused)


@given(tree=TREES)
def test_a_written_line_is_read(tree: object) -> None:
    assert parse(written(tree), FIELDS, now_ms=NOW_MS) is not None


def test_the_length_of_a_line_is_bounded() -> None:
    for line in (
        "x" * (LONGEST_LINE + 1),
        "(" * LONGEST_LINE,
        "not " * 400,
        "a " * 1000,
        "*a" * (MOST_STARS + 1),
        "x" * 65,
    ):
        with pytest.raises(QueryLineError):
            parse(line, FIELDS, now_ms=NOW_MS)


def _depth(part: object) -> int:
    """Most `bool` queries inside each other."""
    if isinstance(part, dict):
        return max((("bool" in part) + _depth(value) for value in [*part.values()]), default=0)
    return max(map(_depth, part), default=0) if isinstance(part, list) else 0
