"""Results of documents that were answered before: a flood is one connection thousands of times.

The key is the text of a document's fields as a client sent it, so a known document is not even decoded. A cache belongs
to one model. When it is full, the older half of it is dropped at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from contract.wire import PartialDocument
from enrich_service.predict.partial_documents import Kind
from enrich_service.settings import DEFAULT_CACHE_BYTES

ENTRY_BYTES = 1200
"""Memory of a result, without its key."""
MAX_KEY_BYTES = 8192
"""Longest text of a document that is kept: the features of a model take far less."""


class Known(Struct, frozen=True, gc=False):
    """What is known of a document."""

    fields: PartialDocument
    kind: Kind
    numbers: bytes
    """Its row of `FeatureRows.numeric`."""
    words: tuple[str, ...]
    """Its row of `FeatureRows.categorical`."""


class ResultCache:
    """Results of one model by document, bounded in memory. Threads share it; a lost entry is computed again.

    Args:
        max_bytes: memory of all entries together, about; 0 keeps none.
    """

    def __init__(self, max_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._known: dict[bytes, Known] = {}
        self._bytes = 0

    def get(self, sources: Sequence[bytes]) -> list[Known | None]:
        """What is known of each document."""
        return list(map(self._known.get, sources))

    def put(self, entries: Iterable[tuple[bytes, Known]]) -> None:
        """Keep what is known of some documents."""
        for source, known in entries:
            size = len(source) + ENTRY_BYTES
            if len(source) > MAX_KEY_BYTES or size > self._max_bytes:
                continue
            if self._bytes + size > self._max_bytes:
                left = list(self._known.items())
                left = left[len(left) // 2 :]
                self._known = dict(left)
                self._bytes = sum(len(kept) + ENTRY_BYTES for kept, _ in left)
            self._known[source] = known
            self._bytes += size

    def __len__(self) -> int:
        return len(self._known)
