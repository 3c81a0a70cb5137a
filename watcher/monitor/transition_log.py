"""Say once that something is wrong and once that it is over, however often it is tried in between."""

from __future__ import annotations

import logging
import time

from contract.errors import ServerError
from watcher.elastic_faults import EngineRefusesError
from watcher.enrich.client import TokenRefusedError

log = logging.getLogger(__name__)

FOR_A_PERSON = (TokenRefusedError, EngineRefusesError)
"""Faults that do not mend themselves: logged as ERROR."""


class Condition:
    """Whether the servers do their part. One line for each change, none for each try."""

    def __init__(self) -> None:
        self.fault: ServerError | None = None
        self._since_s = 0.0

    def bad(self, fault: ServerError) -> None:
        """A server did not do its part."""
        if self.fault is None:
            self._since_s = time.monotonic()
        if type(self.fault) is not type(fault):
            level = logging.ERROR if isinstance(fault, FOR_A_PERSON) else logging.WARNING
            log.log(
                level, "%s", fault, extra={"event.action": "wait", "event.outcome": "failure", "error.type": fault.code}
            )
        self.fault = fault

    def good(self) -> None:
        """The work goes on."""
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
