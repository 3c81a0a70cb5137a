"""The types of panels, controls, saved searches and dashboards: plain data that knows neither Kibana nor Vega-Lite.

    Dashboard ──▶ Panel ──▶ metrics × breakdowns, where, source ──┬─▶ kibana/saved_objects/lens.py   Lens saved object
                                                                  └─▶ console/         query and Vega-Lite chart

Everything is frozen and built from tuples, so that both compilers see the same declaration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from contract.documents.datasets import CONNECTION
from contract.documents.fields import stream_name
from contract.documents.heartbeats import heartbeat_index
from kibana.panels.conditions import Where, fields

Chart = Literal["metric", "bar", "histogram", "time_bar", "time_line", "donut", "table", "heat_map", "documents"]
"""How a panel is drawn, and what its `by` holds:

    metric      one number                                      by: nothing
    bar         horizontal bars, stacked by the second          by: categories[, stacks]
    histogram   a column for each range of numbers, stacked  by: Numbers[, stacks]
                by the second
    time_bar    columns over time, stacked by the second        by: Times[, stacks]
    time_line   lines over time, one for each metric or series  by: Times[, series]
    donut       a ring for each breakdown, inner first          by: one or two
    table       a row for each bucket                           by: the columns left of the metrics
    heat_map    a cell for each pair                            by: x, y
    documents   documents, one in each row                      by: nothing; `search` says which
"""
MetricKind = Literal["count", "unique_count", "average", "min", "max", "percentile", "ratio", "share"]
Format = Literal["number", "percent", "seconds"]
Scheme = Literal["label", "family", "severity", "status", "verdict"]
"""Which palette colours a breakdown (`kibana.panels.palette`). Without one the chart assigns colours in order."""
SourceName = Literal["events", "arrivals", "predictions", "watchers"]


@dataclass(frozen=True, slots=True)
class Source:
    """Documents of one kind, and the date field that a dashboard's time range applies to."""

    name: SourceName
    title: str
    time_field: str
    time_title: str
    """What the time is, as the heading of a column."""
    heartbeats: bool = False

    def index(self, namespace: str, dataset: str = CONNECTION) -> str:
        """The data stream or index that holds them."""
        return heartbeat_index(namespace) if self.heartbeats else stream_name(namespace, dataset)


EVENTS = Source("events", "Oversight events", "@timestamp", "Happened")
"""Events by the time when the connection happened."""
ARRIVALS = Source("arrivals", "Oversight events by arrival", "event.ingested", "Arrived")
"""The same events by their arrival: an event of last week that arrived today counts as today's."""
PREDICTIONS = Source("predictions", "Oversight predictions", "oversight.prediction.at", "Predicted")
"""The same events by the time of their verdict; events without a verdict are left out."""
WATCHERS = Source("watchers", "Oversight watchers", "@timestamp", "Last heartbeat", heartbeats=True)
"""The watchers' heartbeats: one document for each watcher, by the time of its last heartbeat."""
SOURCES = (EVENTS, ARRIVALS, PREDICTIONS, WATCHERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number computed for each bucket, or for all documents of a panel."""

    kind: MetricKind = "count"
    title: str = "Events"
    field: str | None = None
    """The field for `unique_count`, `average`, `min`, `max` and `percentile`."""
    percent: float | None = None
    """For `percentile`: which one, from 0 to 100."""
    part: Where | None = None
    """For `ratio`: the documents in the numerator. For `count`: the documents to count."""
    whole: Where | None = None
    """For `ratio`: the documents in the denominator; None means the whole bucket. If there are none, there is no value.

    `share` is the bucket's count divided by the count of all buckets of the panel.
    """
    format: Format = "number"
    decimals: int = 0


COUNT = Metric()


@dataclass(frozen=True, slots=True)
class Times:
    """Buckets of time on the source's time field. Whoever draws the chart picks their width from the time range."""

    title: str = "Time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One bucket for each of the most common values of a field."""

    field: str
    title: str
    size: int = 10
    by_name: bool = False
    """Sort by the value. Otherwise sort by the first metric, largest first."""
    others: bool = False
    """Add one bucket for all values beyond `size`."""
    missing: str | None = None
    """Name of a bucket for the documents without a value; None leaves them out. Kibana has its own name for it."""
    colours: Scheme | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One bucket of `Cases`."""

    title: str
    where: Where
    colour: str | None = None
    expected: float | None = None
    """The share that this case is expected to have, 0 to 1: for predictions, the label's share of the training rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """One bucket for each condition, in this order, including empty ones."""

    title: str
    cases: tuple[Case, ...]
    ranked: bool = False
    """Of a table: the largest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """One bucket for each range of a numeric field. Whoever draws the chart picks the ranges from the values."""

    field: str
    title: str


Breakdown = Times | Terms | Cases | Numbers


@dataclass(frozen=True, slots=True)
class Line:
    """A constant that a chart over time shows as a line of its own, such as a threshold."""

    title: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a saved search."""

    field: str
    title: str
    width: int | None = None
    """Pixels; None takes the remaining width."""
    optional: bool = False
    """The console leaves the column out if no listed document has a value. Kibana always shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    """Documents as rows. A click on a row shows the whole document."""

    id: str
    title: str
    description: str
    columns: tuple[Column, ...]
    """In addition to the time, which is always the first column."""
    where: Where | None = None
    source: Source = EVENTS
    order_by: str | None = None
    """The field to sort by. None: the time, newest first."""
    ascending: bool = False
    turns_pages: bool = False
    """The console's list turns pages, sorts by any column and can be exported."""

    @property
    def order(self) -> tuple[str, Literal["asc", "desc"]]:
        """The field to sort by, and the direction."""
        return self.order_by or self.source.time_field, "asc" if self.ascending else "desc"


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
    """Never changes: saved objects, bookmarks and links use it."""
    title: str
    question: str
    """The question that the chart answers, in the user's words."""
    chart: Chart
    metrics: tuple[Metric, ...] = (COUNT,)
    by: tuple[Breakdown, ...] = ()
    where: Where | None = None
    source: Source = EVENTS
    search: SavedSearch | None = None
    """For `documents`: the saved search to show."""
    lines: tuple[Line, ...] = ()
    """Of a `time_line`: constants to compare the metrics with."""
    colour: str | None = None
    """The colour of a `metric`, or of a chart whose breakdown has no colours of its own."""
    width: int = 24
    """Width in columns of the grid, which has 48."""
    height: int = 12
    """Height in rows of the grid, about 20 pixels each."""
    sort_by: int = 0
    """Of a table: the position of the metric that sorts its rows, largest first."""
    drill_down: str | None = None
    """Id of the dashboard that opens when a user clicks a value of the first breakdown, which becomes its filter.

    In Kibana only a panel with one breakdown does this: Kibana makes a filter of every breakdown of a mark.
    """
    may_be_empty: str | None = None
    """Why the panel can be empty although events arrive. None: `boards()` adds a reason, by the panel's condition."""

    @property
    def time_field(self) -> str:
        """The date field that the time range applies to; also the axis of `Times`."""
        return self.source.time_field

    def fields(self) -> Iterator[str]:
        """Every document field that the panel reads; may repeat a field."""
        yield self.source.time_field
        yield from fields(self.where)
        for metric in self.metrics:
            yield from () if metric.field is None else (metric.field,)
            yield from fields(metric.part)
            yield from fields(metric.whole)
        for each in self.by:
            if isinstance(each, Terms | Numbers):
                yield each.field
            elif isinstance(each, Cases):
                yield from (name for case in each.cases for name in fields(case.where))
        if self.search is not None:
            yield from (column.field for column in self.search.columns)
            yield from fields(self.search.where)
            yield self.search.order[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A list of a field's values above a dashboard, from which a user picks one or several."""

    id: str
    field: str
    title: str
    cases: tuple[Case, ...] = ()
    """The values to pick from, if they are conditions and not the field's own. Only the console has such filters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """Panels on a grid of 48 columns, in reading order."""

    id: str
    title: str
    description: str
    """One line, for a list of dashboards."""
    intro: str
    """Markdown at the top of the page: what the dashboard shows. Contains no links to the other dashboards."""
    panels: tuple[Panel, ...]
    controls: tuple[Control, ...] = ()
    time_from: str = "now-24h"
    time_to: str = "now"
    refresh_s: int = 30
    """Seconds between two refreshes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boards:
    """Everything shown about one model's predictions."""

    dashboards: tuple[Dashboard, ...]
    queries: tuple[SavedQuery, ...]
    colours: Mapping[Scheme, Mapping[str, str]] = field(default_factory=dict)
    """Colour of each value by scheme, as `#RRGGBB`. A value without an entry gets any other colour."""

    @property
    def searches(self) -> tuple[SavedSearch, ...]:
        """The saved searches of all panels, each once."""
        by_id = {p.search.id: p.search for board in self.dashboards for p in board.panels if p.search is not None}
        return tuple(by_id.values())

    def dashboard(self, name: str) -> Dashboard:
        """The dashboard with this id.

        Raises:
            KeyError: there is none.
        """
        return {board.id: board for board in self.dashboards}[name]
