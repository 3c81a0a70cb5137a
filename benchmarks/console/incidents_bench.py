"""How long the page of incidents takes, compared with the dashboard Triage over the same events.

python -m benchmarks.console.incidents_bench --url http://127.0.0.1:9200 [--documents 1000000] [--machines 10000]

Use a node with a heap of 1 GB (`HEAP=1g start.sh`). Both pages are computed as the console does it, without a browser:
all figures of Triage from one _msearch, and header, filters and list of the page of incidents. The two take turns. The
time range moves between rounds and is shorter than the events' own, so that the engine does not answer from its request
cache. The result is the median of the ratios of the rounds. A page of incidents must take at most 1.5 times as long as
Triage.

Every second event is an alert. Some of the alerts are a flood of one target, each from another source; the others are
of the given number of machines. The benchmark also counts the buckets of the largest answer.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from elasticsearch import Elasticsearch
from werkzeug.datastructures import MultiDict

from benchmarks.console.sample_documents import load
from benchmarks.es_pipelines.removal import remove
from common.settings.shared import DEFAULT_MODEL
from console.incidents.board import INCIDENTS
from console.incidents.data import Desk
from console.panels.board import page, scope_at
from console.panels.indices import Indices
from console.panels.models import show
from console.panels.scope import asked
from console.panels.searches import Engine
from contract.artifact.contract import ModelContract
from contract.documents.fields import ENRICHED, stream_name
from enrich_service.model.model_file import read_contract
from es_pipelines.provision.apply import provision
from watcher.incidents.rules import rules_of
from watcher.incidents.searching import MOST_BUCKETS

HOURS, MINUTES = 23.0, 22 * 60
"""Hours of the events, and minutes of the longest time range."""
FLOOD_SHARE = 0.05
"""Share of the alerts that are of the flood."""
FACTOR = 1.5
FLOOD = ("neptune", "dos", 73)
KINDS = (("nmap", "probe", 47), ("satan", "probe", 47), ("guess_passwd", "r2l", 73), ("phf", "r2l", 73))


def main() -> None:
    """Fill an installation, measure, print the result."""
    options = _options()
    if options.url is None:
        sys.stdout.write("name an engine with --url, such as the OpenSearch of ../shared/realengine\n")
        return
    contract = read_contract(DEFAULT_MODEL)
    namespace = options.keep or f"bench{uuid.uuid4().hex[:10]}"
    with Elasticsearch(options.url, request_timeout=300) as es:
        try:
            _fill(es, options, namespace, contract)
            _measure(options, namespace, contract)
        finally:
            if options.keep is None:
                remove(es, namespace)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time of the page of incidents.")
    parser.add_argument("--url", help="an engine with pipelines and data streams, with 1 GB of heap")
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--machines", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--keep", metavar="NAMESPACE", help="keep the installation, and use it again next time")
    return parser.parse_args()


def _fill(es: Elasticsearch, options: argparse.Namespace, namespace: str, contract: ModelContract) -> None:
    index = stream_name(namespace)
    if es.options(ignore_status=404).count(index=index).get("count", 0) == options.documents:
        return
    remove(es, namespace)
    provision(es, contract, namespace=namespace)
    began = time.monotonic()
    load(es, documents(options.documents, options.machines, datetime.now(UTC)), index, threads=2)
    sys.stderr.write(f"{options.documents:,} documents in {time.monotonic() - began:.0f} s\n")
    es.indices.forcemerge(index=index, max_num_segments=4)


def documents(n: int, machines: int, end: datetime) -> Iterator[dict[str, Any]]:
    """Return events in the order of their times, every second one an alert, without raw lines and features.

    Args:
        n: number of events.
        machines: number of machines that alert.
        end: time of the last event.
    """
    chance = random.Random(1)  # noqa: S311  made-up events, no secret
    for number in range(n):
        at = (end - timedelta(hours=HOURS * (n - 1 - number) / n)).isoformat(timespec="milliseconds")
        yield _event(chance, at, machines, alert=number % 2 == 0)


def _event(chance: random.Random, at: str, machines: int, *, alert: bool) -> dict[str, Any]:
    flood = alert and chance.random() < FLOOD_SHARE
    machine = chance.randrange(machines)
    label, family, severity = (
        ("neptune", "dos", 73) if flood else chance.choice(KINDS) if alert else ("normal", "normal", 0)
    )
    source = f"11.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}"
    probability = round(chance.uniform(0.5, 1), 3)
    prediction = {
        "label": label,
        "family": family,
        "probability": probability,
        "novelty": round(chance.random(), 3),
        "unknown": False,
        "reasons": [f"count is {chance.randrange(50)}"],
        "at": at,
    }
    event = {"kind": "alert" if alert else "event", "ingested": at}
    return {
        "@timestamp": at,
        "event": {**event, "severity": severity, "risk_score": round(severity * probability, 1)},
        "source": {"ip": source if flood else f"10.{machine // 65536}.{machine // 256 % 256}.{machine % 256}"},
        "destination": {"ip": "10.200.0.1" if flood else f"10.201.0.{chance.randrange(200)}"},
        "user": {"id": f"user-{machine % 500}"},
        "observer": {"name": f"sensor-{machine % 7}"},
        "oversight": {"status": ENRICHED, "prediction": prediction},
        **({"threat": {"technique": {"id": "T1046", "name": "Network Service Discovery"}}} if alert else {}),
    }


class _Counting(Engine):
    """An engine that remembers the most buckets of an answer."""

    most = 0

    def client(self) -> Elasticsearch:
        """Return the client, whose answers are counted."""
        es = super().client()
        plain = es.msearch

        def msearch(*args: Any, **more: Any) -> Any:
            answer = plain(*args, **more)
            self.most = max([self.most, *(buckets(one.get("aggregations") or {}) for one in answer["responses"])])
            return answer

        es.msearch = msearch  # type: ignore[method-assign]
        return es


def _measure(options: argparse.Namespace, namespace: str, contract: ModelContract) -> None:
    counting = _Counting(lambda: Elasticsearch(options.url), str, timeout_s=300.0)
    _page(counting, namespace, contract, INCIDENTS)(MINUTES)
    most = counting.most
    engine = Engine(lambda: Elasticsearch(options.url), str, timeout_s=300.0)
    triage, incidents = _page(engine, namespace, contract, "triage"), _page(engine, namespace, contract, INCIDENTS)
    times: list[tuple[float, float]] = []
    for turn in range(options.rounds + 1):
        pair = (triage(MINUTES - 2 * turn), incidents(MINUTES - 2 * turn - 1))
        if turn:  # the first round warms the engine
            times.append(pair)
    ratio = statistics.median(listed / panels for panels, listed in times)
    sys.stdout.write(
        f"{options.documents:,} events, {options.machines:,} machines, median of {options.rounds} rounds: "
        f"Triage {statistics.median(one for one, _ in times):.2f} s, "
        f"incidents {statistics.median(one for _, one in times):.2f} s, ratio {ratio:.2f} (at most {FACTOR}); "
        f"largest answer {most:,} buckets (at most {MOST_BUCKETS:,})\n"
    )


def _page(engine: Engine, namespace: str, contract: ModelContract, name: str) -> Callable[[int], float]:
    """A function that computes a page for a number of minutes and returns the seconds that it took."""
    shown, indices = show(contract), Indices(namespace)
    board = shown.page(name)
    assert board is not None  # noqa: S101  the names are those of pages
    desk = Desk(engine, indices, rules_of(contract), shown.boards.colours, shown.fields)

    def timed(minutes: int) -> float:
        wanted = asked(MultiDict([("from", f"now-{minutes}m")]), board, shown.fields)
        now_ms = time.time_ns() // 10**6
        began = time.perf_counter()
        page(engine, board, wanted, indices=indices, colours=shown.boards.colours, now_ms=now_ms)
        if name == INCIDENTS:
            desk.page(scope_at(engine, wanted, indices, now_ms=now_ms), 0)
        return time.perf_counter() - began

    return timed


def buckets(aggs: Any) -> int:
    """Count the buckets of an answer."""
    if isinstance(aggs, list):
        return sum(buckets(one) for one in aggs)
    if not isinstance(aggs, Mapping):
        return 0
    own = aggs.get("buckets")
    number = len(own) if isinstance(own, list | Mapping) else 0
    return number + sum(buckets(one) for one in aggs.values() if isinstance(one, list | Mapping))


if __name__ == "__main__":
    main()
