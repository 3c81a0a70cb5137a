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


def firing(es: Elasticsearch, params: Mapping[str, Any], *, now: datetime | None = None) -> dict[str, float]:
    """Return the groups for which a rule fires, each with its value. A rule without groups has one."""
    end = now or datetime.now(UTC)
    start = end - timedelta(minutes=params["timeWindowSize"])
    assert params["timeWindowUnit"] == "m"
    times = {"gte": start.isoformat(), "lte": end.isoformat(), "format": "strict_date_optional_time"}
    query = json.loads(params["esQuery"])["query"]
    answer = es.search(
        index=",".join(params["index"]),
        size=0,
        query={"bool": {"filter": [query, {"range": {params["timeField"]: times}}]}},
        aggs=_aggregations(params),
        track_total_hits=True,
    )
    measured = _measured(params, answer)
    (threshold,) = params["threshold"]
    assert params["thresholdComparator"] == ">"
    return {group: value for group, value in measured.items() if value is not None and value > threshold}


def _aggregations(params: Mapping[str, Any]) -> dict[str, Any] | None:
    metric = {} if params["aggType"] == "count" else {"metric": {params["aggType"]: {"field": params["aggField"]}}}
    if params["groupBy"] == "all":
        return metric or None
    terms: dict[str, Any] = {"terms": {"field": params["termField"], "size": params["termSize"]}}
    return {"groups": terms | ({"aggs": metric} if metric else {})}


def _measured(params: Mapping[str, Any], answer: Any) -> dict[str, float | None]:
    def measure(bucket: Mapping[str, Any], count: int) -> float | None:
        return float(count) if params["aggType"] == "count" else bucket["metric"]["value"]

    if params["groupBy"] == "all":
        return {ALL: measure(answer.get("aggregations") or {}, answer["hits"]["total"]["value"])}
    return {str(each["key"]): measure(each, each["doc_count"]) for each in answer["aggregations"]["groups"]["buckets"]}
