"""What a panel, a control, a saved search and a dashboard are: plain data, which knows neither Kibana nor Vega-Lite.

    Dashboard ──▶ Panel ──▶ metrics × breakdowns, where, source ──┬─▶ kibana/saved_objects/lens.py   Lens saved object
                                                                  └─▶ console/         query and Vega-Lite chart

Everything is frozen and made of tuples, so one declaration cannot change between two compilers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from contract.documents.fields import stream_name
from contract.documents.heartbeats import heartbeat_index
from kibana.panels.conditions import Where, fields

Chart = Literal["metric", "bar", "time_bar", "time_line", "donut", "table", "heat_map", "documents"]
"""How a panel draws, and what its `by` holds:

metric      one number                                    by: nothing
bar         horizontal bars, stacked by the second        by: categories[, stacks]
time_bar    columns over time, stacked by the second      by: Times[, stacks]
time_line   lines over time, one a metric or series       by: Times[, series]
donut       a ring for each breakdown, inner first        by: one or two
table       a row for each bucket                         by: the columns left of the metrics
heat_map    a cell for each pair                          by: x, y
documents   the newest documents, one a row               by: nothing; `search` says which
"""
MetricKind = Literal["count", "unique_count", "average", "max", "percentile", "ratio", "share"]
Format = Literal["number", "percent", "seconds"]
Scheme = Literal["label", "family", "severity", "status", "verdict"]
"""Whose colours a breakdown has (`kibana.panels.palette`); without one a chart takes colours in order."""
SourceName = Literal["events", "arrivals", "predictions", "watchers"]


@dataclass(frozen=True, slots=True)
class Source:
    """Documents of one kind, with the date that a dashboard's time range is about."""

    name: SourceName
    title: str
    time_field: str
    heartbeats: bool = False

    def index(self, namespace: str) -> str:
        """Data stream or index that holds them."""
        return heartbeat_index(namespace) if self.heartbeats else stream_name(namespace)


EVENTS = Source("events", "Oversight events", "@timestamp")
"""By when the connection happened."""
ARRIVALS = Source("arrivals", "Oversight events by arrival", "event.ingested")
"""The same documents by when they arrived: a late event of last week is among those of today."""
PREDICTIONS = Source("predictions", "Oversight predictions", "oversight.prediction.at")
"""The same documents by when they got their verdict; those without one are not among them."""
WATCHERS = Source("watchers", "Oversight watchers", "@timestamp", heartbeats=True)
"""The heartbeats: one document a watcher, by its last sign of life."""
SOURCES = (EVENTS, ARRIVALS, PREDICTIONS, WATCHERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number of a bucket, or of all documents of a panel."""

    kind: MetricKind = "count"
    title: str = "Events"
    field: str | None = None
    """What `unique_count`, `average`, `max` and `percentile` are of."""
    percent: float | None = None
    """Of `percentile`: which, 0 to 100."""
    part: Where | None = None
    """Of `ratio`: documents that are counted above the line; of `count`: those that are counted at all."""
    whole: Where | None = None
    """Of `ratio`: documents that are counted below it; None: all of the bucket. A ratio of nothing is no number.
    `share` is the bucket's count divided by that of all buckets of the panel."""
    format: Format = "number"
    decimals: int = 0


COUNT = Metric()


@dataclass(frozen=True, slots=True)
class Times:
    """Buckets of time on the source's time field; whoever draws chooses their width by the time range."""

    title: str = "Time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A bucket for each of the commonest values of a field."""

    field: str
    title: str
    size: int = 10
    by_name: bool = False
    """Sorted by the value in place of the first metric, the largest first."""
    others: bool = False
    """One more bucket for all values beyond `size`."""
    colours: Scheme | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One bucket of `Cases`."""

    title: str
    where: Where
    colour: str | None = None
    expected: float | None = None
    """The share that one would expect of it, 0 to 1: in the predictions that of the training rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """A bucket for each of some conditions, in this order; also the empty ones."""

    title: str
    cases: tuple[Case, ...]


Breakdown = Times | Terms | Cases


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a saved search."""

    field: str
    title: str
    width: int | None = None
    """Pixels; None: what is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    """Documents as rows, the newest first; a click on one shows all of it."""

    id: str
    title: str
    description: str
    columns: tuple[Column, ...]
    """Beside the time, which is always the first."""
    where: Where | None = None
    source: Source = EVENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedQuery:
    """A condition with a time range that a person picks from a list."""

    id: str
    title: str
    description: str
    where: Where | None
    time_from: str
    time_to: str = "now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart that answers one question."""

    id: str
    """Stable: saved objects, bookmarks and links are named by it."""
    title: str
    question: str
    """What it answers, as a person asks it."""
    chart: Chart
    metrics: tuple[Metric, ...] = (COUNT,)
    by: tuple[Breakdown, ...] = ()
    where: Where | None = None
    source: Source = EVENTS
    search: SavedSearch | None = None
    """Of `documents`: what it shows."""
    colour: str | None = None
    """Of `metric`, and of a chart whose breakdown has no colours of its own."""
    width: int = 24
    """Columns of the grid, which is 48 wide."""
    height: int = 12
    """Rows of the grid, each 20 pixels or so."""
    drill_down: str | None = None
    """Id of the dashboard that a click on a value leads to, with that value as a filter."""
    may_be_empty: str | None = None
    """Why it shows nothing on some installations although events come in; None: it always shows something then."""

    @property
    def time_field(self) -> str:
        """The date that the time range is about, and the axis of `Times`."""
        return self.source.time_field

    def fields(self) -> Iterator[str]:
        """Every document field that the panel reads; one may come twice."""
        yield self.source.time_field
        yield from fields(self.where)
        for metric in self.metrics:
            yield from () if metric.field is None else (metric.field,)
            yield from fields(metric.part)
            yield from fields(metric.whole)
        for each in self.by:
            if isinstance(each, Terms):
                yield each.field
            elif isinstance(each, Cases):
                yield from (name for case in each.cases for name in fields(case.where))
        if self.search is not None:
            yield from (column.field for column in self.search.columns)
            yield from fields(self.search.where)


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A list of a field's values above a dashboard, of which one or several are picked."""

    id: str
    field: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """Panels on a grid of 48 columns, in reading order."""

    id: str
    title: str
    description: str
    """One line, for a list of dashboards."""
    intro: str
    """Markdown: what one sees, at the top of the page. No links: whoever draws adds the way to the other dashboards."""
    panels: tuple[Panel, ...]
    controls: tuple[Control, ...] = ()
    time_from: str = "now-24h"
    time_to: str = "now"
    refresh_s: int = 30
    """Seconds between two refreshes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boards:
    """All that is shown of one model's predictions."""

    dashboards: tuple[Dashboard, ...]
    queries: tuple[SavedQuery, ...]
    colours: Mapping[Scheme, Mapping[str, str]] = field(default_factory=dict)
    """Colour of each value by scheme, `#RRGGBB`; a value that is not there takes any other colour."""

    @property
    def searches(self) -> tuple[SavedSearch, ...]:
        """The saved searches of all panels, each once."""
        found = {p.search.id: p.search for board in self.dashboards for p in board.panels if p.search is not None}
        return tuple(found.values())

    def dashboard(self, name: str) -> Dashboard:
        """The dashboard of this id.

        Raises:
            KeyError: there is none.
        """
        return {board.id: board for board in self.dashboards}[name]
