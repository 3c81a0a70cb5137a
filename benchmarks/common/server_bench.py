"""Compare the HTTP server of this checkout with the server of another checkout: throughput, latency and memory.

python -m benchmarks.common.server_bench --other FOLDER [--seconds S] [--silent N] [--only NAME]

    git worktree add ../before COMMIT && python -m benchmarks.common.server_bench --other ../before

Each checkout runs one enrich service with the model of this checkout and one worker, on the same core. They take turns
within each round, so that a busy machine slows both. With `--silent N`, N clients of this checkout's server stop in the
middle of a request and keep their connections open during the whole run.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
from pathlib import Path

import numpy as np

from benchmarks.common.silent import silent_clients
from benchmarks.enrich_service.load.clients import compared, in_turn, paced, request
from benchmarks.enrich_service.load.processes import ROOT, Server, keep_off_the_servers, serving
from benchmarks.enrich_service.load.traffic import rows_of, traffic
from common.settings.shared import DEFAULT_MODEL
from enrich_service.model.model_file import read

ROUNDS = 7
ENRICH = "/v1/enrich"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--other", type=Path, required=True, help="folder of another checkout")
    parser.add_argument("--seconds", type=float, default=2.0, help="load on each server in each round")
    parser.add_argument("--silent", type=int, default=0, help="number of clients that stop in the middle of a request")
    parser.add_argument("--only", default="", help="only the kinds of requests whose name contains this")
    arguments = parser.parse_args()
    contract = read(DEFAULT_MODEL).contract
    records, rows = rows_of(None)
    kinds = {
        "one document, known": (traffic(records, "natural", contract, pages=1, size=1), 1),
        "one document": (traffic(records, "distinct", contract, pages=20_000, size=1), 2),
        "one document, 8 connections": (traffic(records, "distinct", contract, pages=20_000, size=1), 8),
        "page of 1,000": (traffic(records, "distinct", contract, pages=60), 2),
        "page of 1,000, normal": (traffic(records, "normal", contract, pages=60), 2),
        "page of 1,000, attacks": (traffic(records, "attacks", contract, pages=60), 2),
    }
    keep_off_the_servers()
    sys.stdout.write(
        f"rows of {rows}, {ROUNDS} rounds of {arguments.seconds:g} s, {arguments.silent} silent clients\n\n"
    )
    sys.stdout.write(
        "| | requests/s here | there | ratio | of processor time | p50 here / there | p99 here / there "
        "|\n|---|---|---|---|---|---|---|\n"
    )
    with contextlib.ExitStack() as stack:
        model = DEFAULT_MODEL.resolve()
        ours, other = (
            stack.enter_context(serving(model, name=str(folder), folder=folder))
            for folder in (ROOT, arguments.other.resolve())
        )
        if arguments.silent:
            stack.enter_context(silent_clients(f"http://127.0.0.1:{ours.port}", arguments.silent))
        for name, (sent, connections) in {n: kind for n, kind in kinds.items() if arguments.only in n}.items():
            compare(name, ours, other, [request(ENRICH, body) for body in sent.bodies], connections, arguments.seconds)
        memory = [peak_mb(one) for one in (ours, other)]
        sys.stdout.write(f"\nmemory of the worker, peak: {memory[0]:.0f} MB here, {memory[1]:.0f} MB there\n")


def compare(name: str, ours: Server, other: Server, requests: list[bytes], connections: int, seconds: float) -> None:
    """Print the line of one kind of request."""
    here, there = in_turn(
        [(ours, requests), (other, requests)], seconds=seconds, rounds=ROUNDS, connections=connections
    )
    ratio, of_cpu = compared(here, there)
    per_s = statistics.median(rate.per_s for rate in here), statistics.median(rate.per_s for rate in there)
    latency = [half_load(one, requests, per_s=min(per_s) / 2, seconds=2 * seconds) for one in (ours, other)]
    p50, p99 = ((latency[0][at], latency[1][at]) for at in (0, 1))
    sys.stdout.write(
        f"| {name} | {per_s[0]:,.0f} | {per_s[1]:,.0f} | {ratio:.2f} | {of_cpu:.2f} | {p50[0]:.2f} / {p50[1]:.2f} ms | "
        f"{p99[0]:.2f} / {p99[1]:.2f} ms |\n"
    )
    sys.stdout.flush()


def half_load(server: Server, requests: list[bytes], *, per_s: float, seconds: float) -> tuple[float, float]:
    """p50 and p99 in milliseconds of requests at random times; the lower of two runs."""
    turns = []
    for _ in range(2):
        latency_s = paced(server, requests, per_s=per_s, seconds=seconds, connections=32)
        turns.append(tuple(float(found) * 1e3 for found in np.percentile(latency_s, [50, 99])))
    return min(turns)[0], min(turn[1] for turn in turns)


def peak_mb(server: Server) -> float:
    """Peak memory of the worker."""
    (worker,) = server.process.children()
    status = Path(f"/proc/{worker.pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
