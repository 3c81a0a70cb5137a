"""Serves the Prometheus metrics and the health of a watcher on its own port.

    Facts ──▶ collector ──▶ GET /metrics
          └─▶ GET /health/live, /health/ready: 200, or 503 and why

docs/watching.md lists the metrics.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import orjson
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
)
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector

from contract.documents.heartbeats import BREAKER_STATES, STATES, STOPPED, WAITING
from watcher.monitor.facts import Facts, Histogram

log = logging.getLogger(__name__)

PREFIX = "oversight_watcher"
CLOSE_AFTER_S = 10.0
"""Seconds after which the connection of a silent client is closed."""


class WatcherCollector(Collector):
    """The state of a watcher as metrics."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        """Return the metrics as they are now."""
        facts, totals = self._facts, self._facts.totals
        labels = {"id": facts.id, "index": facts.watch.shared.documents}
        labels["slice"] = str(facts.watch.settings.share or "")
        yield InfoMetricFamily(PREFIX, "The run of this watcher.", value=labels)
        backlog = facts.backlog
        pending = None if backlog is None else backlog.pending
        oldest_s = None if backlog is None else backlog.oldest_s if backlog.pending else 0.0
        yield _gauge("pending_documents", "Documents pending in the whole index.", pending)
        yield _gauge("oldest_pending_seconds", "Since the arrival of the oldest of them.", oldest_s)
        yield _histogram(f"{PREFIX}_ingest_to_prediction_seconds", "From arrival to first prediction.", facts.delays)
        yield _counters(
            "documents",
            "Documents by outcome.",
            "outcome",
            {outcome.value: count for outcome, count in totals.outcomes.items()},
        )
        yield CounterMetricFamily(f"{PREFIX}_batches", "Batches written.", value=totals.batches)
        yield _counters("retries", "Requests sent again within a batch.", "server", dict(facts.retries))
        yield _counters("failures", "Documents that the enrich service refused.", "reason", dict(facts.failures))
        yield _counters("faults", "Server errors that the watcher waited for.", "fault", dict(facts.faults))
        yield _states(
            "breaker_state", "Whether requests go to the enrich service.", BREAKER_STATES, facts.breaker.state
        )
        yield _states("state", "The watcher's state.", STATES, facts.state)
        yield _gauge("page_size_documents", "Current number of documents per request.", facts.page_size)
        yield _gauge("parked_documents", "Documents set aside for now.", totals.quarantined)
        yield _gauge("parked_indices", "Indices set aside for now.", len(facts.blocked.now()))
        last = 0.0 if facts.last_batch is None else facts.last_batch.timestamp()
        yield _gauge("last_batch_timestamp_seconds", "When a batch was last written; 0: never.", last)


@contextmanager
def serving(bind: str | None, facts: Facts) -> Iterator[str | None]:
    """Serve the metrics on HOST:PORT inside the block. Yields the address; None if it does not listen.

    If the port is taken, the watcher logs it once and continues.
    """
    server = None if bind is None else _open(bind, facts)
    if server is None:
        yield None
        return
    threading.Thread(target=server.serve_forever, args=(0.1,), name="metrics", daemon=True).start()
    try:
        yield f"http://{server.server_address[0]!s}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def application(facts: Facts) -> WSGIApplication:
    """Return the routes as a WSGI application."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(WatcherCollector(facts))
    metrics: WSGIApplication = make_wsgi_app(registry)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/metrics":
            return metrics(environ, start_response)
        status, body = _health(environ["REQUEST_METHOD"], environ["PATH_INFO"], facts)
        start_response(f"{status.value} {status.phrase}", [("Content-Type", "application/json")])
        return [orjson.dumps(body)]

    return app


def _health(method: str, path: str, facts: Facts) -> tuple[HTTPStatus, dict[str, Any]]:
    if method != "GET":
        return HTTPStatus.METHOD_NOT_ALLOWED, {"error": f"{path} accepts only GET"}
    if path == "/health/live":
        return HTTPStatus.OK, {"live": True}
    if path == "/health/ready":
        ready = facts.state not in (WAITING, STOPPED)
        state = str(facts.fault or "") if facts.state == WAITING else facts.state
        return HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, {"ready": ready, "state": state}
    return HTTPStatus.NOT_FOUND, {"error": "not found; there are /metrics, /health/live and /health/ready"}


class _Server(ThreadingWSGIServer):
    def handle_error(self, *_args: object) -> None:
        """Ignore clients that disconnect or stay silent."""


class _Handler(WSGIRequestHandler):
    timeout = CLOSE_AFTER_S

    def log_message(self, *args: object) -> None:
        """Do not log requests."""


def _open(bind: str, facts: Facts) -> WSGIServer | None:
    host, _, port = bind.rpartition(":")
    try:
        return make_server(host.strip("[]"), int(port), application(facts), _Server, _Handler)
    except OSError as error:
        log.warning(
            "cannot serve metrics at %s (%s): set OVERSIGHT_WATCH_METRICS_BIND to a free HOST:PORT, or to "
            "nothing; predictions continue",
            bind,
            error.strerror or type(error).__name__,
            extra={"event.action": "metrics", "event.outcome": "failure"},
        )
        return None


def _gauge(name: str, meaning: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", meaning)
    if value is not None:
        family.add_metric([], value)
    return family


def _counters(name: str, meaning: str, label: str, counts: dict[str, int]) -> Metric:
    family = CounterMetricFamily(f"{PREFIX}_{name}", meaning, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family


def _states(name: str, meaning: str, states: tuple[str, ...], now: str) -> Metric:
    return StateSetMetricFamily(f"{PREFIX}_{name}", meaning, value={state: state == now for state in states})


def _histogram(name: str, meaning: str, histogram: Histogram) -> Metric:
    below, buckets = 0, []
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        below += count
        buckets.append(("+Inf" if bound == float("inf") else str(bound), float(below)))
    return HistogramMetricFamily(name, meaning, buckets=buckets, sum_value=histogram.sum)
