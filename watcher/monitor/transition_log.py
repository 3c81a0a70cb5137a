"""Logs once that a server fails and once that it works again, however many tries are in between."""

from __future__ import annotations

import logging
import time

from contract.errors import ServerError
from watcher.elastic_faults import EngineRefusesError
from watcher.enrich.active_model import WrongDatasetError
from watcher.enrich.client import TokenRefusedError

log = logging.getLogger(__name__)

FOR_A_PERSON = (TokenRefusedError, EngineRefusesError, WrongDatasetError)
"""Errors that a person has to fix: logged as ERROR."""


class Condition:
    """Whether the servers work. Each change gives one log line."""

    def __init__(self) -> None:
        self.fault: ServerError | None = None
        self._since_s = 0.0

    def bad(self, fault: ServerError) -> None:
        """A server failed."""
        if self.fault is None:
            self._since_s = time.monotonic()
        if type(self.fault) is not type(fault):
            level = logging.ERROR if isinstance(fault, FOR_A_PERSON) else logging.WARNING
            log.log(
                level, "%s", fault, extra={"event.action": "wait", "event.outcome": "failure", "error.type": fault.code}
            )
        self.fault = fault

    def good(self) -> None:
        """The servers work."""
        if self.fault is None:
            return
        down_s = time.monotonic() - self._since_s
        log.info(
            "continuing after %.1f s of waiting (the reason was: %s)",
            down_s,
            self.fault.code,
            extra={"event.action": "resume", "event.outcome": "success", "event.duration": round(down_s * 1e9)},
        )
        self.fault = None
