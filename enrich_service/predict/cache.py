"""Keep results of flagged documents: in a flood, one connection comes thousands of times.

The key is the text of a document's fields as the client sent it, so a known document is not even decoded. A cache
belongs to one model. When it is full, it drops its older half at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from contract.wire import PartialDocument
from enrich_service.predict.features import RowKey
from enrich_service.predict.partial_documents import Kind
from enrich_service.settings import DEFAULT_CACHE_BYTES

ENTRY_BYTES = 1200
"""Memory of one result, without its key."""
MAX_KEY_BYTES = 8192
"""Longest text that is kept; the features of a model take far less."""


class Known(Struct, frozen=True, gc=False):
    """The result of a document."""

    fields: PartialDocument
    kind: Kind
    row: RowKey
    """Its features."""


class ResultCache:
    """Results of one model by document, bounded in memory. Threads share it; a lost entry is computed again.

    Args:
        max_bytes: approximate memory of all entries together; 0 keeps none.
    """

    def __init__(self, max_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._young: dict[bytes, Known] = {}
        self._old: dict[bytes, Known] = {}
        self._bytes = 0
        """Of the young entries."""

    def get(self, sources: Sequence[bytes]) -> list[Known | None]:
        """The result of each document, None if it is not known."""
        found = list(map(self._young.get, sources))
        if self._old:
            old = self._old.get
            found = [known or old(source) for known, source in zip(found, sources, strict=True)]
        return found

    def put(self, entries: Iterable[tuple[bytes, Known]]) -> None:
        """Keep the results of some documents. Young entries that take half of the memory replace the old ones."""
        for source, known in entries:
            size = len(source) + ENTRY_BYTES
            if len(source) > MAX_KEY_BYTES or size > self._max_bytes:
                continue
            if self._bytes + size > self._max_bytes // 2:
                self._old, self._young, self._bytes = self._young, {}, 0
            self._young[source] = known
            self._bytes += size

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())
