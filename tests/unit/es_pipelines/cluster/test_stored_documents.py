"""Which indices are behind a data stream, according to their names."""

from __future__ import annotations

import pytest

from es_pipelines.cluster.stored_documents import is_backing

STREAM = "logs-oversight.connection-a"


@pytest.mark.parametrize(
    ("index", "behind"),
    [
        (f".ds-{STREAM}-2026.01.31-000001", True),
        (f".ds-{STREAM}-000001", True),
        (f".fs-{STREAM}-2026.01.31-1000000", True),
        (f".ds-{STREAM}-b-2026.01.31-000001", False),
        (f".ds-{STREAM}-b-000001", False),
        (".ds-logs-oversightXconnection-a-000001", False),
        (STREAM, False),
        (f"shrink-ab-.ds-{STREAM}-000001", False),
    ],
)
def test_an_index_is_behind_a_stream_by_its_whole_name(index: str, behind: bool) -> None:
    """The indices of `a-b` begin like those of `a`."""
    assert is_backing(index, STREAM) == behind
