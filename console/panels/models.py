"""The dashboards of the model of now, made again when its contract changes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from console.events import listing as events
from contract.artifact.contract import ModelContract
from contract.errors import OversightError
from kibana.panels.boards import boards
from kibana.panels.declarations import Boards, Control, Dashboard

log = logging.getLogger(__name__)

LOOK_EVERY_S = 30.0
FIRST = "oversight"
"""Of the dashboards, the one at `/`; its filters are those of the page of events too."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A model and what is shown of it."""

    contract: ModelContract
    boards: Boards
    pages: tuple[Dashboard, ...]
    """The dashboards, and the page of the events."""

    def page(self, name: str) -> Dashboard | None:
        """The page of this name, or None."""
        return next((page for page in self.pages if page.id == name), None)


class Models:
    """What is shown now. Threads share it.

    Args:
        read: reads the contract of the model.
    Raises:
        ArtifactError: it cannot be read at the start.
    """

    def __init__(self, read: Callable[[], ModelContract]) -> None:
        self._read, self._lock = read, threading.Lock()
        self._looked_s = time.monotonic()
        self._shown = show(read())

    @property
    def now(self) -> Shown:
        """The newest that could be read; one thread looks, the others go on with what there is."""
        if time.monotonic() - self._looked_s > LOOK_EVERY_S and self._lock.acquire(blocking=False):
            try:
                self._looked_s = time.monotonic()
                contract = self._read()
                if contract != self._shown.contract:
                    self._shown = show(contract)
                    log.info("the dashboards now show model %s", contract.name)
            except OversightError as error:
                log.warning("%s; the dashboards keep showing the previous model", error)
            except Exception:
                log.exception("the new model cannot be shown; the dashboards keep showing the previous model")
            finally:
                self._lock.release()
        return self._shown


def show(contract: ModelContract) -> Shown:
    """All pages of a model."""
    made = boards(contract)
    filters: tuple[Control, ...] = made.dashboard(FIRST).controls
    return Shown(contract, made, (*made.dashboards, events.board(filters)))
