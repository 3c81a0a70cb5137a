"""Which indices an installation has."""

from __future__ import annotations

from dataclasses import dataclass

from contract.documents.fields import stream_name
from contract.documents.heartbeats import heartbeat_index
from kibana.panels.declarations import Source


@dataclass(frozen=True, slots=True)
class Place:
    """Which indices hold what."""

    namespace: str
    index: str | None = None

    @property
    def events(self) -> str:
        """Where the events are."""
        return self.index or stream_name(self.namespace)

    def of(self, source: Source) -> str:
        """Where the documents of a source are."""
        return self.heartbeats if source.heartbeats else self.events

    @property
    def heartbeats(self) -> str:
        """Where the watchers say that they live."""
        return heartbeat_index(self.namespace)
