"""How many documents a second one worker answers, compared with Flask applications that have no model.

python -m benchmarks.enrich_service.throughput_bench [--data FILE] [--model FILE] [--seconds S]

Every server is a real gunicorn with one worker. If the machine has two cores, the servers run on one and the load comes
from the other, over persistent connections. Servers take turns within each round, so that a busy machine slows all.

    pages of 1,000      Oversight | Flask that decodes the request and answers with fixed bytes of the real size
    single documents    Oversight | Flask that answers with fixed bytes without decoding
    latency             of both kinds of request, at random times and half of the top rate of this run

FILE is a labelled KDD Cup 99 file, such as the 10 % training set; without it the rows come from the simulator. The
service caches results, so each table shows the share of *equal rows* in the requests, and of *known* rows: those that
the service answered from its cache. There are so many distinct rows that a row has left the cache before the requests
start again from the first.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

import numpy as np
import onnxruntime

from benchmarks.enrich_service.load.clients import ask, compared, in_turn, paced, request
from benchmarks.enrich_service.load.processes import Server, answering, keep_off_the_servers, server_core, serving
from benchmarks.enrich_service.load.traffic import MIXES, PAGE, Traffic, rows_of, traffic
from common.settings.shared import DEFAULT_MODEL
from enrich_service.model.model_file import read

ENRICH = "/v1/enrich"
ROUNDS = 5
PAGES = 80
"""Enough for several times as many rows as the service caches."""
SINGLES = 40_000
CONNECTIONS = 2
"""The server works on one request while the other is in transit."""
OPEN_CONNECTIONS = 32
"""More than ever wait at the same time at half of the top rate."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="labelled KDD Cup 99 file")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, help="artifact")
    parser.add_argument("--seconds", type=float, default=2.0, help="load on each server in each round")
    arguments = parser.parse_args()
    model = read(arguments.model)
    records, rows = rows_of(arguments.data)
    keep_off_the_servers()
    sys.stdout.write(
        f"{model.contract.name} {model.version}, ONNX Runtime {onnxruntime.__version__}, rows of {rows}, one worker"
        f"{'' if server_core() is None else ' on one core'}, {CONNECTIONS} connections, {ROUNDS} rounds of "
        f"{arguments.seconds:g} s, medians\n\n"
    )
    with serving(arguments.model.resolve()) as ours:
        pages = {mix: traffic(records, mix, model.contract, pages=PAGES) for mix in MIXES}
        top = _pages(ours, pages, arguments.seconds)
        singles = {
            mix: traffic(records, mix, model.contract, pages=SINGLES, size=1)
            for mix in ("natural", "normal", "distinct")
        }
        single = _singles(ours, singles, arguments.seconds)
        sys.stdout.write(
            "\n| at half of the top rate | requests/s | p50 | p95 | p99 | p99 / p50 |\n|---|---|---|---|---|---|\n"
        )
        for what, sent, rate in (
            ("single documents", singles["natural"], single),
            ("natural pages", pages["natural"], top),
        ):
            _latency(ours, what, _requests(sent), rate / 2, arguments.seconds * ROUNDS)


def _requests(sent: Traffic) -> list[bytes]:
    return [request(ENRICH, body) for body in sent.bodies]


def _pages(ours: Server, pages: dict[str, Traffic], seconds: float) -> float:
    """Print documents a second for each mix; returns the natural pages a second."""
    sys.stdout.write(
        "| page of 1,000 | equal rows | known | answer | Oversight, documents/s | ready answer | ratio | "
        "ratio of processor time |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    top = 0.0
    for mix, sent in pages.items():
        rate, cells = _beside(ours, sent, "decoding", seconds, PAGE)
        sys.stdout.write(f"| {mix} | {cells} |\n")
        sys.stdout.flush()
        top = rate if mix == "natural" else top
    return top


def _singles(ours: Server, singles: dict[str, Traffic], seconds: float) -> float:
    """Print requests a second of single documents for each mix; returns the natural ones."""
    sys.stdout.write(
        "\n| single documents | equal rows | known | answer | Oversight, requests/s | constant answer | "
        "ratio | ratio of processor time |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    top = 0.0
    for mix, sent in singles.items():
        rate, cells = _beside(ours, sent, "constant", seconds, 1)
        sys.stdout.write(f"| {mix} | {cells} |\n")
        sys.stdout.flush()
        top = rate if mix == "natural" else top
    return top


def _beside(ours: Server, sent: Traffic, rival: str, seconds: float, size: int) -> tuple[float, str]:
    """Our median rate of requests, and the cells of the table's line, which compare it with a Flask application."""
    requests = _requests(sent)
    answer = ask(ours, requests[0])
    with answering(rival, answer) as other:
        before = _counted(ours)
        one, two = in_turn(
            [(ours, requests), (other, requests)], seconds=seconds, rounds=ROUNDS, connections=CONNECTIONS
        )
        after = _counted(ours)
    rate, (ratio, of_cpu) = statistics.median(r.per_s for r in one), compared(one, two)
    known = (after["cached_documents"] - before["cached_documents"]) / (after["documents"] - before["documents"])
    return rate, (
        f"{sent.repeated_share:.0%} | {known:.0%} | {len(answer):,} bytes | {rate * size:,.0f} | "
        f"{statistics.median(r.per_s for r in two) * size:,.0f} | {ratio:.2f} | {of_cpu:.2f}"
    )


def _counted(ours: Server) -> dict[str, float]:
    """Number of documents that the service answered, and of those that it answered from its cache."""
    text = ask(ours, b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").decode()
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    found = {line[0].removeprefix("oversight_enrich_"): float(line[1]) for line in lines if len(line) == 2}
    return {name: found.get(f"{name}_total", 0.0) for name in ("documents", "cached_documents")}


def _latency(ours: Server, what: str, requests: list[bytes], per_s: float, seconds: float) -> None:
    latency_s = paced(ours, requests, per_s=per_s, seconds=seconds, connections=OPEN_CONNECTIONS)
    p50, p95, p99 = np.percentile(latency_s, [50, 95, 99])
    sys.stdout.write(
        f"| {what} | {per_s:,.1f} | {p50 * 1e3:.2f} ms | {p95 * 1e3:.2f} ms | {p99 * 1e3:.2f} ms | {p99 / p50:.1f} |\n"
    )


if __name__ == "__main__":
    main()
