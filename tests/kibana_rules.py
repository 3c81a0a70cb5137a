"""The search that Kibana sends for a rule of type `.es-query`, and when the rule fires.

Taken from Kibana's source (stack_alerts, es_query): the rule's query with a range on its time field, a terms
aggregation for grouped rules, the metric inside it, and the threshold for each value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from elasticsearch import Elasticsearch

ALL = "all documents"


Alerts = dict[str, tuple[float, list[dict[str, Any]]]]
"""The value and the hits of each group for which a rule fires. A rule without groups has one."""


def firing(es: Elasticsearch, params: Mapping[str, Any], *, now: datetime | None = None) -> dict[str, float]:
    """Return the value of each group for which a rule fires."""
    return {group: value for group, (value, _) in alerts(es, params, now=now).items()}


def alerts(es: Elasticsearch, params: Mapping[str, Any], *, now: datetime | None = None) -> Alerts:
    """Return the alerts of one run of a rule."""
    end = now or datetime.now(UTC)
    start = end - timedelta(minutes=params["timeWindowSize"])
    assert params["timeWindowUnit"] == "m"
    times = {"gte": start.isoformat(), "lte": end.isoformat(), "format": "strict_date_optional_time"}
    body = json.loads(params["esQuery"])
    assert set(body) <= {"query", "_source"}
    grouped = params["groupBy"] == "top"
    answer = es.search(
        index=",".join(params["index"]),
        size=0 if grouped else params["size"],
        source=body.get("_source"),
        query={"bool": {"filter": [body["query"], {"range": {params["timeField"]: times}}]}},
        aggs=_aggregations(params),
        track_total_hits=True,
    )
    measured = _measured(params, answer)
    (threshold,) = params["threshold"]
    assert params["thresholdComparator"] == ">"
    return {
        group: (value, hits) for group, (value, hits) in measured.items() if value is not None and value > threshold
    }


def _aggregations(params: Mapping[str, Any]) -> dict[str, Any] | None:
    metric = {} if params["aggType"] == "count" else {"metric": {params["aggType"]: {"field": params["aggField"]}}}
    if params["groupBy"] == "all":
        return metric or None
    terms: dict[str, Any] = {"terms": {"field": params["termField"], "size": params["termSize"]}}
    hits = {"hits": {"top_hits": {"size": params["size"]}}}  # whole documents, in no order
    return {"groups": terms | {"aggs": metric | hits}}


def _measured(params: Mapping[str, Any], answer: Any) -> dict[str, tuple[float | None, list[dict[str, Any]]]]:
    def measure(bucket: Mapping[str, Any], count: int) -> float | None:
        return float(count) if params["aggType"] == "count" else bucket["metric"]["value"]

    if params["groupBy"] == "all":
        count = measure(answer.get("aggregations") or {}, answer["hits"]["total"]["value"])
        return {ALL: (count, answer["hits"]["hits"])}
    return {
        str(each["key"]): (measure(each, each["doc_count"]), each["hits"]["hits"]["hits"])
        for each in answer["aggregations"]["groups"]["buckets"]
    }
