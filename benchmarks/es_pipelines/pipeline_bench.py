"""What the ingest pipelines cost per document, compared with a pipeline that has only the csv processor.

python -m benchmarks.es_pipelines.pipeline_bench --url URL [--documents N] [--rounds N]

    csv              the csv processor with 42 target fields: strings only, no types, no checks
    csv + converts   the same, and 38 convert processors for the numbers
    Oversight        all pipelines: find and check the line, type 41 columns, derive ECS, build the document
    long way alone   the same with the script `plain-row` switched off, so that each row takes the pipeline `parse`

Each variant ends in a `drop`, so that the engine indexes nothing and only ingest is measured; the cost of a pipeline
with only the `drop` is subtracted. The variants run in turns over the same documents, as `oversight ship` sends them.
The table shows the fastest round, because a busy machine makes runs slower and never faster. The ingest time comes from
`time_in_millis` in the engine's ingest statistics; OpenSearch 3.4 counts it in microseconds, so compare only its
ratios. The whole engine's processor time counts, so it must have nothing else to do. The benchmark creates
its own pipelines and deletes them at the end.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from elasticsearch import Elasticsearch

from common.settings.connections import ElasticsearchSettings
from common.settings.shared import DEFAULT_MODEL
from contract.kdd99 import columns as kdd99
from contract.kdd99.labels import LABEL
from enrich_service.model.model_file import read_contract
from es_pipelines.definition.parameters import parameters, pipeline_id
from es_pipelines.definition.pipeline_files import pipelines
from es_pipelines.reading.lines import Line
from es_pipelines.ship.events import Identity, event_of
from oversight.client.cluster import client
from sensor.simulation import DEFAULT_USERS, simulate
from sensor.writer import Layout, write

BULK = 1_000
STATISTICS_AGE_S = 1.1
"""Engines update their processor time once a second."""
DROP: dict[str, Any] = {"drop": {}}
CSV: dict[str, Any] = {
    "csv": {"field": "message", "target_fields": [*map(kdd99.field_of, kdd99.COLUMNS), LABEL], "trim": True}
}
CONVERTS: list[dict[str, Any]] = [
    {"convert": {"field": kdd99.field_of(column), "type": "float"}} for column in kdd99.NUMERIC
]


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one document in one round, in microseconds."""

    ingest_us: float
    processor_us: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", help="an engine with ingest pipelines and nothing else to do")
    parser.add_argument("--documents", type=int, default=20_000, help="documents for each variant in each round")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if not arguments.url:
        sys.stdout.write(
            "no engine: name one with --url http://127.0.0.1:9200 (only the benchmark's own pipelines are touched)\n"
        )
        return
    bulks = bodies(raw_lines(arguments.documents))
    with client(ElasticsearchSettings(url=arguments.url)) as es, variants(es) as names:
        measured: dict[str, list[Cost]] = {name: [] for name in names}
        for turn in range(arguments.rounds + 1):
            for name, pipeline in names.items():
                cost = measure(es, pipeline, bulks)
                if turn:  # the first round warms the engine's compiler up
                    measured[name].append(cost)
    _show(measured, arguments.documents)


def _show(measured: dict[str, list[Cost]], documents: int) -> None:
    empty = measured.pop("drop alone")
    nothing = Cost(min(cost.ingest_us for cost in empty), min(cost.processor_us for cost in empty))
    table = {
        name: Cost(
            min(cost.ingest_us for cost in costs) - nothing.ingest_us,
            min(cost.processor_us for cost in costs) - nothing.processor_us,
        )
        for name, costs in measured.items()
    }
    csv, typed = table["csv"], table["csv + converts"]
    sys.stdout.write(
        f"{documents} documents a round, fastest of {len(empty)} rounds, load {os.getloadavg()[0]:.1f}\n\n"
        "| pipeline | ingest time, to csv | to csv + converts | processor time, µs/document | to csv | to "
        "csv + converts |\n"
        "|---|---|---|---|---|---|\n"
    )
    for name, cost in table.items():
        sys.stdout.write(
            f"| {name} | {cost.ingest_us / csv.ingest_us:.2f} | "
            f"{cost.ingest_us / typed.ingest_us:.2f} | {cost.processor_us:.1f} | "
            f"{cost.processor_us / csv.processor_us:.2f} | {cost.processor_us / typed.processor_us:.2f} |\n"
        )


def raw_lines(count: int) -> list[bytes]:
    """Lines of the simulator, repeated if it has fewer."""
    with tempfile.TemporaryDirectory() as folder:
        start = datetime(2026, 1, 1, tzinfo=UTC)
        traffic = simulate(seed=1999, start=start, users=DEFAULT_USERS, events=min(count, 20_000), loop=False)
        written = write(traffic, Path(folder), rate=None, layout=Layout(addresses=False))
        lines = [line for path in written.files.values() for line in path.read_bytes().splitlines()[1:]]
    return [lines[at % len(lines)] for at in range(count)]


def bodies(lines: Sequence[bytes]) -> list[list[Any]]:
    """Bulk requests as `oversight ship` sends them."""
    identity = Identity("alpha", "alpha", "alpha.csv", "/var/log/sensor/alpha.csv", 0, "sensor-1")
    found = []
    for start in range(0, len(lines), BULK):
        operations: list[Any] = []
        for at, content in enumerate(lines[start : start + BULK], start):
            operations += (b'{"create":{}}', event_of(identity, Line(at, content, at)).source)
        found.append(operations)
    return found


@contextmanager
def variants(es: Elasticsearch) -> Iterator[dict[str, str]]:
    """Create the pipeline of each variant and give their ids; all are deleted at the end."""
    namespace = f"bench{uuid.uuid4().hex[:8]}"
    contract = read_contract(DEFAULT_MODEL)
    ours = pipelines(parameters(contract, namespace, data_streams=True))
    long = f"{namespace}long"
    ours |= without_short_way(pipelines(parameters(contract, long, data_streams=True)))
    compared = {
        "drop alone": [DROP],
        "csv": [CSV, DROP],
        "csv + converts": [CSV, *CONVERTS, DROP],
        "Oversight": [{"pipeline": {"name": pipeline_id("router", namespace)}}, DROP],
        "long way alone": [{"pipeline": {"name": pipeline_id("router", long)}}, DROP],
    }
    names = {name: f"{namespace}-{at}" for at, name in enumerate(compared)}
    try:
        for pipeline, body in ours.items():
            es.ingest.put_pipeline(id=pipeline, body=body)
        for name, processors in compared.items():
            es.ingest.put_pipeline(id=names[name], processors=processors)
        yield names
    finally:
        for pipeline in (*names.values(), *reversed(ours)):
            es.options(ignore_status=404).ingest.delete_pipeline(id=pipeline)


def without_short_way(bodies: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Change the pipelines so that every row takes the long way."""
    for body in bodies.values():
        for processor in body["processors"]:
            if processor.get("script", {}).get("tag") == "plain-row":
                processor["script"]["params"]["names"] = []
    return bodies


def measure(es: Elasticsearch, pipeline: str, bulks: Sequence[list[Any]]) -> Cost:
    """Send all documents through a pipeline; returns the cost of one."""
    before = _spent_ms(es, pipeline)
    count = 0
    for operations in bulks:
        answer = es.bulk(index=f"{pipeline}-none", operations=operations, pipeline=pipeline)
        results = {item["create"].get("result") for item in answer["items"]}
        if results != {"noop"}:
            raise SystemExit(
                f"{pipeline} gave {orjson.dumps(answer['items'][0]).decode()[:300]}, expected a dropped event"
            )
        count += len(operations) // 2
    after = _spent_ms(es, pipeline)
    return Cost(*(1000 * (end - start) / count for start, end in zip(before, after, strict=True)))


def _spent_ms(es: Elasticsearch, pipeline: str) -> tuple[int, int]:
    """Milliseconds over all nodes: time in this pipeline, and processor time."""
    time.sleep(STATISTICS_AGE_S)
    nodes = es.nodes.stats(metric="ingest,process")["nodes"].values()
    ingest = [node["ingest"]["pipelines"].get(pipeline, {}).get("time_in_millis", 0) for node in nodes]
    return sum(ingest), sum(node["process"]["cpu"]["total_in_millis"] for node in nodes)


if __name__ == "__main__":
    main()
