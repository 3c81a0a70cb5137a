"""The thread that counts the backlog, writes the heartbeat and answers for the metrics, while the loop works or waits.

    every heartbeat_s:  count what is pending ──▶ Facts ──▶ heartbeat document
    at the end:         a last heartbeat, `stopped`

Nothing here stops or delays the work: it has a thread of its own, and its faults are only reported.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from elasticsearch import Elasticsearch

from contract.errors import ServerError
from watcher.elastic_faults import without_retries
from watcher.monitor.backlog import read_backlog
from watcher.monitor.facts import Facts
from watcher.monitor.heartbeat import WRITE_TIMEOUT_S, HeartbeatWriter
from watcher.monitor.metrics import serving
from watcher.settings import WatchRun

log = logging.getLogger(__name__)


@contextmanager
def pulsing(es: Elasticsearch, config: WatchRun, facts: Facts) -> Iterator[None]:
    """Let others see how a watcher is doing, as far as its configuration asks for that."""
    pulse = _Pulse(es, config, facts) if config.settings.heartbeat_s else None
    with serving(config.metrics_bind, facts):
        if pulse is not None:
            pulse.start()
        try:
            yield
        finally:
            if pulse is not None:
                pulse.end()


class _Pulse(threading.Thread):
    def __init__(self, es: Elasticsearch, config: WatchRun, facts: Facts) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._es = without_retries(es, within_s=WRITE_TIMEOUT_S)
        self._config, self._facts, self._over = config, facts, threading.Event()
        self._writer = HeartbeatWriter(es, config.shared.namespace, facts.id)

    def run(self) -> None:
        if self._writer is not None:
            self._writer.forget_old()
        while not self._over.is_set():
            self._beat()
            self._over.wait(self._config.settings.heartbeat_s)

    def end(self) -> None:
        """Write the last heartbeat, unless one hangs."""
        self._over.set()
        self.join(WRITE_TIMEOUT_S)
        if self.is_alive():
            return
        if self._facts.fault is None:
            self._beat()
        else:
            self._write()

    def _beat(self) -> None:
        with suppress(ServerError):
            self._facts.backlog = read_backlog(self._es, self._config.shared.documents)
        self._write()

    def _write(self) -> None:
        if self._writer is not None:
            self._writer.write(self._facts.document())
