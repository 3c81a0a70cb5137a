"""The model that answers: asked for when it is not known, and followed when it changes. Shared by all lanes."""

from __future__ import annotations

import logging
import threading

from contract import wire
from contract.errors import ServerError
from watcher.enrich.client import EnrichClient
from watcher.enrich.responses import Model

log = logging.getLogger(__name__)


class ModelChangedError(ServerError):
    """Another model answers, which reads other fields than were fetched: nothing was written, the page is read anew."""


class ActiveModel:
    """Knows which model answers. Several threads may use it.

    Args:
        client: the enrich service.
    """

    def __init__(self, client: EnrichClient) -> None:
        self._client, self._lock = client, threading.Lock()
        self.current: Model | None = None

    def prepare(self) -> Model:
        """The model whose fields a page must hold; asks the service when it is not known.

        Raises:
            EndpointUnavailableError: it does not answer.
            ProtocolError: it answers something else.
        """
        with self._lock:
            if self.current is None:
                self.current = self._client.model()
            return self.current

    def forget(self) -> None:
        """It may come back with another one."""
        self.current = None

    def follow(self, asked: Model, answered: wire.Model) -> Model:
        """The model that gave an answer, where another one was asked for.

        Raises:
            ModelChangedError: it reads other fields, so the answer is of no use.
        """
        if (answered.id, answered.version) == (asked.id, asked.version):
            return asked
        with self._lock:
            known = self.current
            if known is None or (known.id, known.version) != (answered.id, answered.version):
                known = self.current = self._client.model()
                log.info(
                    "the enrich service answers with model %s %s now",
                    known.id,
                    known.version,
                    extra={
                        "event.action": "model-change",
                        "oversight.model.id": known.id,
                        "oversight.model.version": known.version,
                    },
                )
        if set(known.fields) != set(asked.fields):
            raise ModelChangedError(
                f"model {answered.id} {answered.version} reads other fields than {asked.id} {asked.version}; "
                "reading the page again"
            )
        return known
