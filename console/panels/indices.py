"""The indices of one dataset of an installation."""

from __future__ import annotations

from dataclasses import dataclass

from contract.documents.datasets import CONNECTION
from contract.documents.fields import stream_name
from contract.documents.heartbeats import heartbeat_index
from kibana.panels.declarations import Source


@dataclass(frozen=True, slots=True)
class Indices:
    """Names the index for each kind of document."""

    namespace: str
    index: str | None = None
    dataset: str = CONNECTION

    @property
    def events(self) -> str:
        """The index or stream of the events."""
        return self.index or stream_name(self.namespace, self.dataset)

    def of(self, source: Source) -> str:
        """Return the index of the documents of a source."""
        return self.heartbeats if source.heartbeats else self.events

    @property
    def heartbeats(self) -> str:
        """The index of the watchers' heartbeats."""
        return heartbeat_index(self.namespace)
