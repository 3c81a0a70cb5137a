"""A worker's part in a switch: a thread that opens the model which the parent has accepted, and then serves it.

    channel ──▶ bytes ──▶ open, one row answered ──▶ models.switch() ──▶ report to the parent
                             └─ fails: what is served stays, tried again until it works or another model comes

Requests go on meanwhile: opening takes some tens of milliseconds and leaves the other threads their time.
"""

from __future__ import annotations

import gc
import logging
import threading

from contract.errors import ArtifactError
from enrich_service.model.artifact import Artifact, open_model
from enrich_service.model.model_file import ModelFile
from enrich_service.predict.serving import ServedModels
from enrich_service.versions.channel import Channel, Chosen, Report

log = logging.getLogger(__name__)

RETRY_S = 5.0
RELEASE_S = 5.0
"""After a switch the last requests of the old model are answered by then."""


class Follower(threading.Thread):
    """Follows the parent's choice until the process ends."""

    def __init__(self, channel: Channel, models: ServedModels) -> None:
        super().__init__(name="model-switch", daemon=True)
        self._channel, self._models = channel, models

    def run(self) -> None:
        """Serve what comes, one after the other; afterwards give back what the old model held."""
        wanted: tuple[Chosen, int] | None = None
        wait_s: float | None = None
        while True:
            try:
                told = self._channel.told(wait_s=wait_s)
            except OSError:
                return  # the parent is gone, and gunicorn ends this worker
            except Exception as error:  # noqa: BLE001  the thread must live: without it this worker follows no more
                log.error("the new model did not arrive complete, the old one stays active: %s", _reason(error))
                continue
            wanted = told or wanted
            gc.collect()  # caches refer to the model that holds them: without this its sessions would stay for long
            if wanted is None:
                wait_s = None
            elif self._serve(*wanted):
                wanted, wait_s = None, RELEASE_S
            else:
                wait_s = RETRY_S

    def _serve(self, chosen: Chosen, number: int) -> bool:
        """Whether the models are served now."""
        problem = None
        try:
            active = self._open(chosen.active)
            shadow = None if chosen.shadow is None else self._open(chosen.shadow)
            self._models.switch(active, shadow)
        except Exception as error:  # noqa: BLE001  whatever is wrong with the new model, the old one answers
            problem = _reason(error)
            log.error("a worker cannot open the new model, so it serves the old one and tries again: %s", problem)
        self._channel.report(Report(number, self._models.current.artifact.version, problem))
        return problem is None

    def _open(self, model: ModelFile) -> Artifact:
        """The artifact; the one that is open already where it is the same version."""
        current = self._models.current
        open_now = [current.artifact, *([current.shadow.artifact] if current.shadow else [])]
        found = [artifact for artifact in open_now if artifact.version == model.version]
        return found[0] if found else open_model(model)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ArtifactError) else f"{type(error).__name__}: {str(error)[:200]}"
