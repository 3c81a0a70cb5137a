"""Logging: text at a terminal, otherwise ECS JSON."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import ecs_logging
from rich.logging import RichHandler

from oversight.tables import console
from oversight.terminal import one_line

ROOTS = (
    "common",
    "console",
    "contract",
    "converter",
    "enrich_service",
    "es_pipelines",
    "oversight",
    "sensor",
    "training",
    "watcher",
)
"""Our loggers: `logging.getLogger(__name__)` in any folder is below one of them."""


def setup(service: str, *, stream: TextIO | None = None, verbose: bool = False) -> None:
    """Send our loggers to `stream` (default: standard output). Call this once per process.

    Args:
        service: `service.name` of every line.
        stream: where the lines go.
        verbose: DEBUG instead of INFO.
    """
    stream = stream or sys.stdout
    handler: logging.Handler
    if stream.isatty():
        handler = RichHandler(console=console(file=stream), show_path=False, log_time_format="%H:%M:%S")
        handler.setFormatter(OneLine("%(message)s"))
    else:
        handler = logging.StreamHandler(stream)
        handler.setFormatter(
            ecs_logging.StdlibFormatter(extra={"service.name": service}, exclude_fields=["process", "log.origin"])
        )
    for name in ROOTS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(logging.DEBUG if verbose else logging.INFO)
        logger.propagate = False


class OneLine(logging.Formatter):
    """Formats text for a terminal: a message takes one line; a traceback follows below it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's own name
        """Return the message, with line ends and control characters escaped."""
        return one_line(super().formatMessage(record))
