"""A thread that counts the backlog and writes the heartbeat, and the server of the metrics.

    every heartbeat_s:  count what is pending ──▶ Facts ──▶ heartbeat document
    at the end:         a last heartbeat, `stopped`

Nothing here stops or delays the loop, and errors are only logged.
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
def reporting(es: Elasticsearch, watch: WatchRun, facts: Facts) -> Iterator[None]:
    """Serve metrics and write heartbeats inside the block, if the settings ask for them."""
    with serving(watch.metrics_bind, facts):
        if not watch.settings.heartbeat_s:
            yield
            return
        reporter = _Reporter(es, watch, facts)
        reporter.start()
        try:
            yield
        finally:
            reporter.end()


class _Reporter(threading.Thread):
    def __init__(self, es: Elasticsearch, watch: WatchRun, facts: Facts) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._es = without_retries(es, within_s=WRITE_TIMEOUT_S)
        self._watch, self._facts, self._over = watch, facts, threading.Event()
        self._writer = HeartbeatWriter(es, watch.shared.namespace, facts.id)

    def run(self) -> None:
        self._report(count=False)  # before the searches, so that this watcher is seen at once
        self._writer.forget_old()
        while not self._over.is_set():
            self._report()
            self._over.wait(self._watch.settings.heartbeat_s)

    def end(self) -> None:
        """Write the last heartbeat, unless the one before hangs."""
        self._over.set()
        self.join(WRITE_TIMEOUT_S)
        if self.is_alive():
            return
        self._report(count=self._facts.fault is None)

    def _report(self, *, count: bool = True) -> None:
        if count:
            with suppress(ServerError):
                self._facts.backlog = read_backlog(self._es, self._watch.shared.documents)
        self._writer.write(self._facts.document())
