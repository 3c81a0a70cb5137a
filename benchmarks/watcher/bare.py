"""The bare loop: read every pending document and write the same constant prediction to each, as a separate process.

python -m benchmarks.watcher.bare --url URL --index INDEX --threads 2 --page-size 1000 < prediction.json

It reads pages with the watcher's queries and client, and writes with compare and set, like the watcher. Each thread
reads and writes in turn, so only threads overlap. Prints its wall-clock and processor seconds as JSON.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import orjson
from elasticsearch import Elasticsearch

from common.settings.connections import ElasticsearchSettings
from oversight.client.cluster import client
from oversight.commands.watch import tune_python
from watcher.read.poll import PointInTime, Wanted, pending_query
from watcher.totals import DocumentOutcome
from watcher.write.actions import Action, body


def main() -> None:
    """Process an index once."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--index", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--page-size", type=int, default=1_000)
    arguments = parser.parse_args()
    constant = orjson.loads(sys.stdin.buffer.read())
    tune_python()
    with client(ElasticsearchSettings(url=arguments.url)) as es:
        es.info()
        begin_s, cpu_s = time.perf_counter(), time.process_time()
        run(es, arguments.index, constant, page_size=arguments.page_size, threads=arguments.threads)
        took = {"took_s": time.perf_counter() - begin_s, "cpu_s": time.process_time() - cpu_s}
    sys.stdout.buffer.write(orjson.dumps(took))


def run(es: Elasticsearch, index: str, constant: Mapping[str, Any], *, page_size: int, threads: int) -> None:
    """Write the constant to every pending document."""

    def lane(number: int) -> None:
        part = None if threads == 1 else (number, threads)
        wanted = Wanted(pending_query(), ["kdd99"], page_size, part=part)
        with PointInTime(es, index, keep_alive_s=120.0) as point:
            for page in point.pages(wanted):
                updates = body([Action(hit, constant, DocumentOutcome.ENRICHED) for hit in page])
                es.bulk(operations=cast("Any", updates))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lane, range(threads)))


if __name__ == "__main__":
    main()
