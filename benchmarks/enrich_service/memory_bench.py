"""Memory of a worker under steady load: it must not grow after the first pages.

python -m benchmarks.enrich_service.memory_bench [--data FILE] [--model FILE] [--seconds S] [--connections N]

A real `oversight serve` answers pages of 1,000 distinct rows, attacks included, one after the other on each connection.
No page is sent again before its rows have left the service's cache. There is one request with a single document for
each ten pages.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
import time
from pathlib import Path

import orjson
import psutil

from benchmarks.enrich_service.load.clients import Connection, request
from benchmarks.enrich_service.load.processes import Server, keep_off_the_servers, serving
from benchmarks.enrich_service.load.traffic import rows_of, traffic
from common.settings.shared import DEFAULT_MODEL
from enrich_service.model.model_file import read

LOOKS = 12
"""Number of lines in the table."""
PAGES = 30
MB = 1024 * 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="labelled KDD Cup 99 file; without it the simulator's rows")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, help="artifact")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--connections", type=int, default=4)
    arguments = parser.parse_args()
    records, rows = rows_of(arguments.data)
    pages = traffic(records, "distinct", read(arguments.model).contract, pages=PAGES).bodies
    documents = orjson.loads(pages[0])["documents"]
    requests = [
        *(request("/v1/enrich", page) for page in pages),
        *(request("/v1/enrich", orjson.dumps({"documents": [one]})) for one in documents[: PAGES // 10]),
    ]
    keep_off_the_servers()
    with serving(arguments.model.resolve()) as server:
        sys.stdout.write(f"rows of {rows}, {arguments.connections} connections\n\n")
        sys.stdout.write("| after, s | requests | RSS, MB | USS, MB |\n|---|---|---|---|\n")
        _watch(server, requests, arguments.seconds, arguments.connections)


def _watch(server: Server, requests: list[bytes], seconds: float, connections: int) -> None:
    """Send requests until the end, and print the worker's memory meanwhile."""
    (worker,) = server.process.children()
    end, answered = time.monotonic() + seconds, [0] * connections
    turn, failures = itertools.cycle(requests), list[Exception]()  # `next` of a cycle is atomic for threads

    def work(number: int) -> None:
        connection = Connection(server.port)
        try:
            while time.monotonic() < end:
                connection.ask(next(turn))
                answered[number] += 1
        except (OSError, RuntimeError) as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    _line(worker, 0.0, 0)
    for thread in threads:
        thread.start()
    for look in range(1, LOOKS + 1):
        time.sleep(max(0.0, end - seconds + look * seconds / LOOKS - time.monotonic()))
        _line(worker, look * seconds / LOOKS, sum(answered))
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _line(worker: psutil.Process, after_s: float, n: int) -> None:
    memory = worker.memory_full_info()
    sys.stdout.write(f"| {after_s:.0f} | {n:,} | {memory.rss / MB:.0f} | {memory.uss / MB:.0f} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
