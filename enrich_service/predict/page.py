"""The documents of one request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """Documents as columns."""

    ids: Sequence[str]
    sources: Sequence[bytes]
    """The JSON object of each document's fields."""
