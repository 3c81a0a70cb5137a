"""A worker's part in a switch: a thread that opens the models that the parent has accepted, and then serves them.

    channel ──▶ bytes ──▶ open, predict one row ──▶ models.switch() ──▶ report to the parent
                             └─ fails: keep the old models, try again until it works or other models come

Requests continue in the meantime: opening takes tens of milliseconds and lets the other threads run.
"""

from __future__ import annotations

import gc
import logging
import threading

from contract.artifact.file import ModelFile
from enrich_service.model.artifact import Artifact, open_model
from enrich_service.predict.serving import ServedModels
from enrich_service.versions.channel import Channel, Chosen
from enrich_service.versions.tryout import reason

log = logging.getLogger(__name__)

AGAIN_S = 5.0
"""After this time a failed switch is tried again, or the last requests of the old model have their responses."""


class Follower(threading.Thread):
    """Serves what the parent chooses, until the process ends."""

    def __init__(self, channel: Channel, models: ServedModels) -> None:
        super().__init__(name="model-switch", daemon=True)
        self._channel, self._models = channel, models

    def run(self) -> None:
        """Serve each choice as it comes; afterwards free the memory of the old model."""
        wanted: tuple[Chosen, int] | None = None
        wait_s: float | None = None
        while True:
            try:
                told = self._channel.told(wait_s=wait_s)
            except OSError:
                return  # the parent has ended, and gunicorn ends this worker
            except Exception as error:  # noqa: BLE001  without this thread the worker would never switch again
                log.error("the new model did not arrive complete, the old one stays active: %s", reason(error))
                continue
            wanted = told or wanted
            gc.collect()  # the old model and its caches are a cycle; this frees its sessions now
            wait_s = None if wanted is None else AGAIN_S
            if wanted is not None and self._serve(*wanted):
                wanted = None

    def _serve(self, chosen: Chosen, number: int) -> bool:
        """Open and serve models; returns whether that worked."""
        try:
            active = self._open(chosen.active)
            shadow = None if chosen.shadow is None else self._open(chosen.shadow)
            self._models.switch(active, shadow)
        except Exception as error:  # noqa: BLE001  whatever is wrong with the new model, the old one stays
            log.error("a worker cannot open the new model, so it serves the old one and tries again: %s", reason(error))
            return False
        self._channel.report(number)
        return True

    def _open(self, model: ModelFile) -> Artifact:
        """The artifact; if this version is already open, that one."""
        current = self._models.current
        open_now = [current.artifact, *([current.shadow.artifact] if current.shadow else [])]
        found = [artifact for artifact in open_now if artifact.version == model.version]
        return found[0] if found else open_model(model)
