"""How many documents a second one worker answers, beside Flask applications that answer without a model.

python -m benchmarks.enrich_service.throughput_bench [--data FILE] [--model FILE] [--seconds S]

Every server is a real gunicorn with one worker, on a core of its own where the machine has two; the load comes from this
process over kept connections. They take turns within each round, so that a busy machine slows all of them.

    pages of 1,000      Oversight | Flask that decodes the same request and answers with ready bytes of the real size
    single documents    Oversight | Flask that answers with ready bytes, whatever was asked
    latency             of both kinds of request, at random times and half of the top rate of this run

FILE is a labelled KDD Cup 99 file, such as the 10 % training set; without it the rows are the simulator's.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from benchmarks.enrich_service.load import Connection, Rate, closed, paced, request
from benchmarks.enrich_service.processes import Server, flask, keep_off_the_servers, server_core, serving
from benchmarks.enrich_service.traffic import MIXES, PAGE, bodies, rows_of
from enrich_service.model_file import read
from oversight.settings import DEFAULT_MODEL

ENRICH = "/v1/enrich"
ROUNDS = 5
PAGES = 20
SINGLES = 500
CONNECTIONS = 2
"""One is answered while the other's bytes are on their way."""
OPEN_CONNECTIONS = 32
"""More than ever wait at half of the top rate."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="labelled KDD Cup 99 file")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, help="artifact")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each server in each round")
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
        pages = {mix: _requests(bodies(records, mix, model.contract, pages=PAGES)) for mix in MIXES}
        top = _pages(ours, pages, arguments.seconds)
        singles = _requests(bodies(records, "natural", model.contract, pages=SINGLES, size=1))
        single = _singles(ours, singles, arguments.seconds)
        sys.stdout.write(
            "\n| at half of the top rate | requests/s | p50 | p95 | p99 | p99 / p50 |\n|---|---|---|---|---|---|\n"
        )
        for what, requests, rate in (("single documents", singles, single), ("natural pages", pages["natural"], top)):
            _latency(ours, what, requests, rate / 2, arguments.seconds * ROUNDS)


def _requests(bodies: Sequence[bytes]) -> list[bytes]:
    return [request(ENRICH, body) for body in bodies]


def _pages(ours: Server, pages: dict[str, list[bytes]], seconds: float) -> float:
    """Print documents a second of each mix; gives the natural pages a second."""
    sys.stdout.write(
        "| page of 1,000 | answer | Oversight, documents/s | ready answer | ratio | ratio of processor time |\n"
        "|---|---|---|---|---|---|\n"
    )
    top = 0.0
    for mix, requests in pages.items():
        answer = _ask(ours, requests[0])
        with flask("decoding", answer) as rival:
            one, other = _in_turn([ours, rival], requests, seconds)
        rate, ratio, of_cpu = _compared(one, other)
        sys.stdout.write(
            f"| {mix} | {len(answer):,} bytes | {rate * PAGE:,.0f} | "
            f"{statistics.median(r.per_s for r in other) * PAGE:,.0f} | {ratio:.2f} | {of_cpu:.2f} |\n"
        )
        sys.stdout.flush()
        top = rate if mix == "natural" else top
    return top


def _singles(ours: Server, requests: list[bytes], seconds: float) -> float:
    """Print single-document requests a second, and give them."""
    with flask("constant", _ask(ours, requests[0])) as rival:
        one, other = _in_turn([ours, rival], requests, seconds)
    rate, ratio, of_cpu = _compared(one, other)
    sys.stdout.write(
        "\n| single documents | Oversight, requests/s | constant answer | ratio | ratio of processor time |\n"
        "|---|---|---|---|---|\n"
        f"| natural | {rate:,.0f} | {statistics.median(r.per_s for r in other):,.0f} | {ratio:.2f} | {of_cpu:.2f} |\n"
    )
    return rate


def _latency(ours: Server, what: str, requests: list[bytes], per_s: float, seconds: float) -> None:
    latency_s = paced(ours, requests, per_s=per_s, seconds=seconds, connections=OPEN_CONNECTIONS)
    p50, p95, p99 = np.percentile(latency_s, [50, 95, 99])
    sys.stdout.write(
        f"| {what} | {per_s:,.1f} | {p50 * 1e3:.2f} ms | {p95 * 1e3:.2f} ms | {p99 * 1e3:.2f} ms | {p99 / p50:.1f} |\n"
    )


def _ask(server: Server, asked: bytes) -> bytes:
    connection = Connection(server.port)
    try:
        return connection.ask(asked)
    finally:
        connection.close()


def _in_turn(servers: Sequence[Server], requests: list[bytes], seconds: float) -> list[list[Rate]]:
    """The rates of each server, one a round; a short round before warms all up."""
    rates: list[list[Rate]] = [[] for _ in servers]
    for turn in range(ROUNDS + 1):
        for server, found in zip(servers, rates, strict=True):
            rate = closed(server, requests, seconds=seconds if turn else 0.3, connections=CONNECTIONS)
            if turn:
                found.append(rate)
    return rates


def _compared(ours: list[Rate], rival: list[Rate]) -> tuple[float, float, float]:
    """Our median rate, and the median of the rounds' ratios, by the clock and by processor time."""
    return (
        statistics.median(rate.per_s for rate in ours),
        statistics.median(a.per_s / b.per_s for a, b in zip(ours, rival, strict=True)),
        statistics.median(a.per_cpu_s / b.per_cpu_s for a, b in zip(ours, rival, strict=True)),
    )


if __name__ == "__main__":
    main()
