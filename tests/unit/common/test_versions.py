"""Versions are compared as versions, in the spelling of any program."""

from __future__ import annotations

import pytest

from common.versions import NONE, version_of


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.2.0", "1.10.0"),
        ("0.9", "1"),
        ("1.2.0rc1", "1.2.0"),
        ("8.14.3", "8.15.0-SNAPSHOT"),
        ("", "0.0.1"),
        ("x", "0.1"),
    ],
)
def test_versions_have_an_order(older: str, newer: str) -> None:
    assert version_of(older) < version_of(newer)


def test_a_text_without_a_version_is_older_than_all() -> None:
    assert version_of("a build of mine") == version_of("") == NONE


def test_a_snapshot_counts_as_its_release() -> None:
    assert version_of("9.1.0-SNAPSHOT") == version_of("9.1.0")
