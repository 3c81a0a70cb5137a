"""The dashboards of the current model, rebuilt when its contract changes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from console.events import listing as events
from console.finding.fields import Fields
from console.incidents import board as incidents
from console.incidents.board import INCIDENTS
from contract.artifact.contract import ModelContract
from contract.errors import OversightError
from kibana.panels.boards import boards
from kibana.panels.declarations import Boards, Dashboard
from kibana.panels.model_view import View

log = logging.getLogger(__name__)

LOOK_EVERY_S = 30.0
FIRST = INCIDENTS
"""The page at `/`."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A model and its pages."""

    contract: ModelContract
    boards: Boards
    pages: tuple[Dashboard, ...]
    """The page of the incidents, the dashboards, and the page of the events."""
    fields: Fields
    """What a query line can name."""

    def page(self, name: str) -> Dashboard | None:
        """Return the page with this name, or None."""
        return next((page for page in self.pages if page.id == name), None)


class DashboardCache:
    """The current model and its pages. Threads share it.

    Args:
        read: reads the contract of the model.
    Raises:
        ArtifactError: the contract cannot be read at the start.
    """

    def __init__(self, read: Callable[[], ModelContract]) -> None:
        self._read, self._lock = read, threading.Lock()
        self._looked_s = time.monotonic()
        self._shown = show(read())

    @property
    def now(self) -> Shown:
        """The newest model that could be read. One thread checks; the others use the current one meanwhile."""
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
    """Return all pages of a model."""
    built, view = boards(contract), View(contract)
    return Shown(contract, built, (incidents.board(view), *built.dashboards, events.board(view)), Fields(contract))
