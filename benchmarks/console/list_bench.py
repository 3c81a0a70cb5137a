"""What page 1,000 of the list of events costs beside page 1.

python -m benchmarks.console.list_bench --url http://127.0.0.1:9200 [--documents 100000] [--rounds 30]

    page 1       an ordinary search of the first 50 events, as the page sends it
    page 1,000   search_after in a point in time, as the page sends it after 999 turns

The two take turns, in a plain index with the mappings of this project that the benchmark fills and deletes. The ratio
is the median of the pairs. It also exports everything once, and prints how far the memory of this process grew.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from elasticsearch import Elasticsearch

from benchmarks.console.sample_documents import documents, load
from common.elastic.response_limit import MIB, BoundedNode
from common.settings.shared import DEFAULT_MODEL
from console.finding.export import PART_BYTES, PART_EVENTS, text_of
from console.finding.fields import Fields
from console.finding.lists import Lists, Wanted
from console.finding.rows import listed_panel, order, sort_of, wanted_fields
from console.panels.models import show
from console.panels.query import MOST_LISTED
from console.panels.searches import Engine
from contract.documents.fields import FIELDS, properties
from enrich_service.model.model_file import read_contract
from es_pipelines.resources.desired import model_fields

FAR = 1_000
SORTS = ("", "event.risk_score:desc", "user.id:asc")


def main() -> None:
    """Fill an index, measure, print the table."""
    options = _options()
    if options.url is None:
        sys.stdout.write("name an engine with --url, such as the OpenSearch of ../shared/realengine\n")
        return
    index, contract = f"bench-list-{uuid.uuid4().hex[:8]}", read_contract(DEFAULT_MODEL)
    with Elasticsearch(options.url, request_timeout=300) as es:
        fields = properties([*FIELDS, *model_fields(contract)])
        es.indices.create(index=index, mappings={"dynamic": False, "properties": fields})
        try:
            began = time.monotonic()
            load(es, documents(options.documents, end=datetime.now(UTC), hours=160), index, threads=2)
            es.indices.forcemerge(index=index, max_num_segments=4)
            sys.stderr.write(f"{options.documents:,} events in {time.monotonic() - began:.0f} s\n")
            lists = Lists(Engine(lambda: Elasticsearch(options.url, node_class=BoundedNode), str, timeout_s=300))
            for sort in SORTS:
                _measure(lists, _wanted(index, sort, MOST_LISTED, 16 * MIB), options.rounds)
            _export(lists, _wanted(index, "", PART_EVENTS, PART_BYTES))
        finally:
            es.indices.delete(index=index)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time of a far page of the list of events.")
    parser.add_argument("--url", help="an engine")
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=30)
    return parser.parse_args()


def _wanted(index: str, sort: str, size: int, limit_bytes: int) -> Wanted:
    shown = show(read_contract(DEFAULT_MODEL))
    board = shown.page("events")
    listed = None if board is None else listed_panel(board)
    assert listed is not None  # noqa: S101  the page of events has a list
    fields, search = Fields(shown.contract), listed[1]
    return Wanted(
        index=index,
        query={"bool": {"filter": [{"exists": {"field": "@timestamp"}}]}},
        sort=sort_of(order(sort, search, fields), search, fields),
        source=wanted_fields(search),
        size=size,
        limit_bytes=limit_bytes,
        same=sort,
    )


def _measure(lists: Lists, wanted: Wanted, rounds: int) -> None:
    key = lists.page(wanted, key="", number=2).key
    for number in range(3, FAR + 1):
        lists.page(wanted, key=key, number=number)
    near, far = [], []
    for _ in range(rounds):
        near.append(_timed(lists, wanted, "", 1))
        far.append(_timed(lists, wanted, key, FAR))
    ratio = statistics.median(one / other for one, other in zip(far, near, strict=True))
    sys.stdout.write(
        f"{wanted.same or 'by time':24} page 1 {_ms(near)}   page {FAR:,} {_ms(far)}   ratio {ratio:.2f}\n"
    )


def _timed(lists: Lists, wanted: Wanted, key: str, number: int) -> float:
    began = time.perf_counter()
    found = lists.page(wanted, key=key, number=number, live=True)
    took = time.perf_counter() - began
    assert found.number == number  # noqa: S101  the list has that many pages
    return took


def _ms(times: Sequence[float]) -> str:
    return f"{statistics.median(times) * 1000:6.1f} ms"


def _export(lists: Lists, wanted: Wanted) -> None:
    before, began, events, key, number, more = _memory_mb(), time.monotonic(), 0, "", 1, True
    while more:
        page = lists.page(wanted, key=key, number=number)
        text_of(page.hits, list(wanted.source), "csv", head=number == 1)
        events, key, number, more = events + len(page.hits), page.key, number + 1, page.more
    took = time.monotonic() - began
    sys.stdout.write(f"export {events:,} events in {took:.0f} s, memory +{_memory_mb() - before:.0f} MB\n")


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
