"""Panels, scopes and responses that the tests of the console share."""

from __future__ import annotations

from functools import cache
from typing import Any

from common.settings.shared import DEFAULT_MODEL
from console.panels.models import Shown, show
from console.panels.scope import Scope
from console.panels.time_range import TimeRange
from contract.artifact.contract import ModelContract
from enrich_service.model.model_file import read_contract
from kibana.panels.declarations import Dashboard, Panel

NOW_MS = 1_795_600_000_000
SCOPE = Scope(TimeRange(NOW_MS - 3_600_000, NOW_MS), {})


@cache
def contract() -> ModelContract:
    """The contract of the shipped model."""
    return read_contract(DEFAULT_MODEL)


@cache
def shown() -> Shown:
    """All pages of the shipped model."""
    return show(contract())


def all_panels() -> list[tuple[Dashboard, Panel]]:
    """Every panel of every page, with its page."""
    return [(page, panel) for page in shown().pages for panel in page.panels]


def answer(aggregations: dict[str, Any] | None = None, *, total: int = 0) -> dict[str, Any]:
    """The response to a search, in the form of an engine."""
    found: dict[str, Any] = {
        "status": 200,
        "_shards": {"total": 1, "failed": 0},
        "hits": {"total": {"value": total}, "hits": []},
    }
    return found if aggregations is None else {**found, "aggregations": aggregations}


def made_up(aggs: dict[str, Any], *, count: int = 7) -> dict[str, Any]:
    """A response with two buckets for every breakdown of a search."""
    found: dict[str, Any] = {}
    for name, each in aggs.items():
        inner = made_up(each.get("aggs", {}), count=count)
        kind = next(key for key in each if key != "aggs")
        match kind:
            case "terms":
                keys = [{"key": key, "doc_count": count - place, **inner} for place, key in enumerate(("one", "two"))]
                found[name] = {"buckets": keys, "sum_other_doc_count": 3}
            case "date_histogram":
                width = int(each[kind]["fixed_interval"].removesuffix("ms"))
                begin = SCOPE.time.start_ms // width * width
                found[name] = {
                    "buckets": [{"key": begin + place * width, "doc_count": count, **inner} for place in range(2)]
                }
            case "filters":
                found[name] = {"buckets": {key: {"doc_count": count, **inner} for key in each[kind]["filters"]}}
            case "filter":
                found[name] = {"doc_count": count - 2}
            case "range":
                found[name] = {"buckets": [{"doc_count": 2} for _ in each[kind]["ranges"]]}
            case "percentiles":
                found[name] = {"values": {str(percent): 1.5 for percent in each[kind]["percents"]}}
            case _:
                found[name] = {"value": 4.0}
    return found
