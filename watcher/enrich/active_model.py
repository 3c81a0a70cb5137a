"""The model that the enrich service uses. All lanes share it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Set

from contract import wire
from contract.errors import ServerError
from watcher.enrich.client import EnrichClient
from watcher.enrich.responses import Model

log = logging.getLogger(__name__)


class ModelChangedError(ServerError):
    """Another model answered, which needs other fields. Nothing was written, and the page is read again."""


class WrongDatasetError(ServerError):
    """The service serves a model of another dataset: it would refuse every document. Nothing was sent."""

    code = "wrong_dataset"


class ActiveModel:
    """Knows the model of the service. Several threads may share it.

    Args:
        client: the enrich service.
        datasets: the datasets that its model may have; empty: any.
    """

    def __init__(self, client: EnrichClient, datasets: Set[str] = frozenset()) -> None:
        self._client, self._datasets, self._lock = client, datasets, threading.Lock()
        self.current: Model | None = None

    def prepare(self) -> Model:
        """Return the model whose fields a page must hold. Asks the service if the model is unknown.

        Raises:
            EndpointUnavailableError: the service does not answer.
            ProtocolError: the response is not valid.
            WrongDatasetError: it is a model of another dataset.
        """
        with self._lock:
            if self.current is None:
                self.current = self._ask()
            return self.current

    def _ask(self) -> Model:
        model = self._client.model()
        if self._datasets and model.dataset not in self._datasets:
            raise WrongDatasetError(
                f"{self._client.url} serves {model.id}, a model of the dataset {model.dataset!r}, and this watcher "
                f"needs one of {' or '.join(map(repr, sorted(self._datasets)))}; set OVERSIGHT_ENRICH_URL to the "
                f"service of such a model, or start the watcher with --dataset {model.dataset}"
            )
        return model

    def forget(self) -> None:
        """Forget the model, because the service may return with another one."""
        self.current = None

    def follow(self, asked: Model, answered: wire.Model) -> Model:
        """Return the model that answered. `asked` is the model whose fields were sent.

        Raises:
            ModelChangedError: it needs other fields, so the response is useless.
            WrongDatasetError: it is a model of another dataset.
        """
        if (answered.id, answered.version) == (asked.id, asked.version):
            return asked
        with self._lock:
            known = self.current
            if known is None or (known.id, known.version) != (answered.id, answered.version):
                known = self.current = self._ask()
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
