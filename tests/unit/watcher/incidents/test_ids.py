"""Ids of incidents, for any key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import InputError
from watcher.incidents.ids import LONGEST_ID, LONGEST_TEXT, digest_of, format_id, iso, milliseconds, parse_id

ANY_TEXT = st.text(st.characters(), max_size=2 * LONGEST_TEXT)


@given(key=ANY_TEXT, name=ANY_TEXT, at=st.integers(-(2**53), 2**53))
def test_an_id_is_read_as_it_was_written(key: str, name: str, at: int) -> None:
    """Markup, slashes, half surrogates and long texts included; the id itself is plain ASCII."""
    text = format_id("connection", "user.id", key, name, at)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= LONGEST_ID
    read = parse_id(text)
    assert (read.dataset, read.key_field, read.at_ms) == ("connection", "user.id", at)
    for shown, whole in ((read.key, key), (read.name, name)):
        if len(whole) <= LONGEST_TEXT:
            assert (shown.value, shown.digest) == (whole, "")
        else:
            assert whole.startswith(shown.value)
            assert shown.digest == digest_of(whole)


def test_an_id_is_readable() -> None:
    """Dataset, field and key, family, time; a dash where no machine is known."""
    assert format_id("connection", "source.ip", "2001:db8::1", "dos", 1_769_846_400_000) == (
        "connection/source.ip=2001:db8::1/dos/2026-01-31T08:00:00.000Z"
    )
    assert format_id("river", "", "", "flood", 0) == "river/-/flood/1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "connection",
        "connection/source.ip=1/dos",
        "connection/source.ip=1/dos/2026-01-31T08:00:00.000Z/more",
        "connection/source.port=1/dos/2026-01-31T08:00:00.000Z",
        "connection/source.ip/dos/2026-01-31T08:00:00.000Z",
        "Connection!/source.ip=1/dos/2026-01-31T08:00:00.000Z",
        "connection/source.ip=1/dos/yesterday",
        "connection/source.ip=1/dos/2026-01-31T08:00:00",
        "connection/source.ip=%ff/dos/2026-01-31T08:00:00.000Z",
        f"connection/user.id={'x' * LONGEST_ID}/dos/0",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    """The message shows what an id looks like."""
    with pytest.raises(InputError, match="expected an id such as connection/"):
        parse_id(text)


@given(at=st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_times_are_read_as_they_were_written(at: int) -> None:
    """To the millisecond, from the year 1 to 9999."""
    assert milliseconds(iso(at)) == at
    assert iso(at).endswith("Z")
