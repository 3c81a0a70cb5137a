"""Raw lines that Oversight ships, parses and enriches a second, compared with one event at a time.

python -m benchmarks.watcher.shipping_bench --url URL [--lines 50000] [--naive 500] [--slices 1]

    one at a time   line ──▶ the ONNX model, one row ──▶ index, through the pipeline ──▶ get ──▶ the next line
                    the same with a refresh, so that a dashboard's query finds the event at once
    Oversight       `oversight ship FILE`, `oversight watch` and `oversight serve` at the same time:
                    from the first line sent until no document is pending

Needs OpenSearch or Elasticsearch with ingest pipelines. The benchmark creates its own streams and pipelines and
deletes them at the end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.pipeline_bench import raw_lines
from benchmarks.es_pipelines.removal import remove
from benchmarks.watcher.engines import engine_at
from benchmarks.watcher.latency_bench import watching
from benchmarks.watcher.programs import clean_environment, served
from common.settings.connections import ElasticsearchSettings
from common.settings.shared import DEFAULT_MODEL
from contract.artifact.contract import ModelContract
from contract.documents.fields import ENRICHED, STATUS, stream_name
from enrich_service.model.artifact import load
from enrich_service.model.model_file import read_contract
from enrich_service.predict.enrich import Enricher
from enrich_service.predict.page import Page
from es_pipelines.provision.apply import provision
from oversight.client.cluster import client

LOOK_S = 0.1
END_S, SHIPPER_END_S = 600.0, 10.0
TIMES = 50


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", help="an engine with ingest pipelines and data streams")
    parser.add_argument("--lines", type=int, default=50_000)
    parser.add_argument("--naive", type=int, default=500, help="events one at a time")
    parser.add_argument("--slices", type=int, default=1)
    arguments = parser.parse_args()
    if not arguments.url:
        sys.stdout.write("no engine: name one with --url http://127.0.0.1:9200 (only its own streams are touched)\n")
        return
    lines, contract = raw_lines(arguments.lines), read_contract(DEFAULT_MODEL)
    with client(ElasticsearchSettings(url=arguments.url)) as es:
        naive, shown = (
            _with_installation(
                es, contract, lambda at, r=refresh: one_at_a_time(es, at, lines[: arguments.naive], contract, refresh=r)
            )
            for refresh in (False, True)
        )
        whole = _with_installation(es, contract, lambda at: together(es, arguments.url, at, lines, arguments.slices))
        sys.stdout.write(
            f"{engine_at(es, arguments.url).name}, {len(lines)} lines, {arguments.naive} one at a time, "
            f"load {os.getloadavg()[0]:.1f}\n\n| way | events/s | Oversight is faster |\n|---|---|---|\n"
            f"| one at a time: predict, index, get | {naive:,.0f} | {whole / naive:.0f} times |\n"
            f"| the same, with a refresh | {shown:,.0f} | {whole / shown:.0f} times |\n"
            f"| shipped, parsed, enriched by Oversight | {whole:,.0f} | goal: at least {TIMES} times |\n"
        )


def _with_installation(es: Elasticsearch, contract: ModelContract, work: Any) -> float:
    """Create an installation, return the events a second that `work` reports for it, and remove it."""
    namespace = f"bench{uuid.uuid4().hex[:8]}"
    provision(es, contract, namespace=namespace)
    try:
        return float(work(namespace))
    finally:
        remove(es, namespace)


def one_at_a_time(
    es: Elasticsearch, namespace: str, lines: Sequence[bytes], contract: ModelContract, *, refresh: bool
) -> float:
    """Events a second of a loop that predicts, indexes and gets one event at a time."""
    stream, enricher = stream_name(namespace), Enricher(load(DEFAULT_MODEL), cache_bytes=0)
    begin_s = time.perf_counter()
    for number, line in enumerate(lines):
        page = Page([str(number)], [msgspec.json.encode({"kdd99": _row(line, contract)})])
        (result,) = msgspec.to_builtins(enricher.enrich(page))
        document: Mapping[str, Any] = {"message": line.decode(), "labels": result["fields"]["oversight"]["prediction"]}
        done = es.index(index=stream, document=document, op_type="create", refresh=refresh)
        es.get(index=done["_index"], id=done["_id"])
    return len(lines) / (time.perf_counter() - begin_s)


def _row(line: bytes, contract: ModelContract) -> dict[str, Any]:
    values = line.decode().split(",")
    return {
        feature.name: value if feature.name in ("protocol_type", "service", "flag") else float(value)
        for feature, value in zip(contract.features, values, strict=False)
    }


def together(es: Elasticsearch, url: str, namespace: str, lines: Sequence[bytes], slices: int) -> float:
    """Events a second of Oversight, from the first line sent until no document is pending."""
    stream = stream_name(namespace)
    with tempfile.TemporaryDirectory() as folder, served() as service:
        path = Path(folder) / "alpha.csv"
        path.write_bytes(b"\n".join(lines) + b"\n")
        environment = clean_environment(
            ELASTICSEARCH_URL=url, OVERSIGHT_NAMESPACE=namespace, OVERSIGHT_STATE=str(Path(folder) / "state")
        )
        with watching(url, service.url, stream, poll_s=0.2, slices=slices):
            child = psutil.Popen(
                [sys.executable, "-m", "oversight", "ship", "--json", str(path)],
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            while not _writes(es, stream):
                time.sleep(0.01)
            begin_s = time.perf_counter()
            while _writes(es, stream) < 2 * len(lines):
                if time.perf_counter() - begin_s > END_S or child.poll() not in (None, 0):
                    break
                time.sleep(LOOK_S)
            took_s = time.perf_counter() - begin_s
            try:
                child.wait(SHIPPER_END_S)
            except psutil.TimeoutExpired:
                child.kill()
            if (done := _enriched(es, stream)) < len(lines):
                raise SystemExit(
                    f"{done} of {len(lines)} lines are enriched; `oversight ship` ended with {child.returncode}"
                )
    return len(lines) / took_s


def _writes(es: Elasticsearch, stream: str) -> int:
    """Number of documents created and updated, known without a refresh."""
    stats = es.indices.stats(index=stream, metric="indexing")["_all"]["primaries"]["indexing"]
    return int(stats["index_total"])


def _enriched(es: Elasticsearch, stream: str) -> int:
    es.indices.refresh(index=stream)
    return int(es.count(index=stream, query={"term": {STATUS: ENRICHED}})["count"])


if __name__ == "__main__":
    main()
