"""The documents that would be lost with a stream or an index, those in its failure store included.

    _refresh ──▶ _count ──────────────┐
    _data_stream ──▶ ::failures/_count ┴─▶ why it stays; empty if it has no document

A stream that cannot be counted counts as not empty: a shard does not respond, or we may not read the failure store.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from elasticsearch import Elasticsearch

from es_pipelines.cluster.requests import call

UNREADABLE = (400, 403, 404, 503)
"""Status codes of a failure store that we may not read, or not now."""


def is_backing(index: str, stream: str) -> bool:
    """Whether an index is one of those behind a data stream: `.ds-<stream>-2026.01.31-000001`, without the date in
    OpenSearch.

    Names of the indices behind the stream `a-b` begin like those behind `a`.
    """
    return re.fullmatch(rf"\.[df]s-{re.escape(stream)}-(\d{{4}}\.\d{{2}}\.\d{{2}}-)?\d{{6,}}", index) is not None


def held(es: Elasticsearch, name: str, failures: Collection[str] = ()) -> str:
    """Why something stays without `--with-data`; empty if it holds no document.

    Args:
        es: a client of the cluster.
        name: a data stream or an index; it is refreshed first, so that new documents are counted.
        failures: the indices of its failure store.
    """
    call(es, "POST", f"/{name}/_refresh", allow=(403,))
    body = call(es, "GET", f"/{name}/_count").body
    shards, count = body.get("_shards", {}), int(body["count"])
    silent = int(shards.get("total", 0)) - int(shards.get("successful", 0))
    if silent > 0:
        return (
            f"{silent} of its {shards['total']} shards do not answer, so its documents cannot be counted; fix "
            "that and run it "
            f"again, or remove it with --with-data"
        )
    refused = _refused(es, name) if failures else 0
    if refused is None:
        return "its failure store cannot be read (privilege read_failure_store); remove it with --with-data"
    total = count + refused
    if not total:
        return ""
    many = "1 document" if total == 1 else f"{total:,} documents"
    kept = f" ({refused:,} in its failure store)" if refused else ""
    return f"it holds {many}{kept}; remove {'it' if total == 1 else 'them'} with --with-data"


def _refused(es: Elasticsearch, name: str) -> int | None:
    """Documents in the failure store; None if they cannot be counted."""
    answer = call(es, "GET", f"/{name}::failures/_count", allow=UNREADABLE)
    shards = answer.body.get("_shards", {}) if answer.status == 200 else {}
    if answer.status != 200 or int(shards.get("successful", 0)) < int(shards.get("total", 0)):
        return None
    return int(answer.body["count"])
