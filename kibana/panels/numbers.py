"""Panels of the *Oversight Dashboard* for a model of numbers: the value of a regression, the score of a detector.

View.measure ──┬─▶ over time beside its bounds, distribution, by user or machine
               └─▶ of an anomaly detector also the top anomalies and the features that deviate
"""

from __future__ import annotations

from kibana.panels.conditions import Exists
from kibana.panels.declarations import (
    PREDICTIONS,
    Column,
    Metric,
    MetricKind,
    Numbers,
    Panel,
    SavedSearch,
    Terms,
    Times,
)
from kibana.panels.model_view import LABEL, LOWER, REASONS, Measure, View
from kibana.panels.palette import VERMILLION

WIDE = 48


def intro(view: View, measure: Measure) -> str:
    """What the dashboard shows."""
    who = view.who.one
    goes_on = f"; click a {who} to go on to *Triage*" if measure.lines else ""
    return (
        f"**What you see:** every event that has a {measure.name} of the model. {_meaning(measure)} "
        f"Pick a {who} above{goes_on}."
    )


def _meaning(measure: Measure) -> str:
    """Which values or scores alert."""
    if not measure.lines:
        return f"The contract names no bounds, so no {measure.name} alerts."
    if measure.name == "score":
        side = "below" if measure.worst_is_low else "above"
        return f"An *anomaly* is an event with a score {side} {measure.lines[0].value:g}."
    bounds = " or ".join(
        f"{'below' if line.title == LOWER else 'above'} {line.value:g}{measure.unit}" for line in measure.lines
    )
    return f"A value {bounds} is *out of bounds*, and alerts."


def panels(view: View, measure: Measure) -> tuple[Panel, ...]:
    """The panels below the figures, for a model with bounds or a threshold."""
    return (
        _over_time(measure),
        _distribution(view, measure),
        *(_anomalies(view, measure) if measure.name == "score" else (_by_who(view, measure),)),
        _alerts_over_time(view),
        _alerts_by_who(view),
    )


def without_bounds(view: View, measure: Measure) -> tuple[Panel, ...]:
    """All panels of a regression without bounds, of which no value ever alerts."""
    counted = Panel(
        id="predicted",
        title="Events with a value",
        question="How many values were predicted?",
        chart="metric",
        metrics=(Metric(title="Events"),),
        where=Exists(measure.field),
        width=12,
        height=6,
    )
    return (
        counted,
        _figure(measure, "average", "Average"),
        _figure(measure, "min", "Lowest"),
        _figure(measure, "max", "Highest"),
        _over_time(measure),
        _distribution(view, measure),
        _by_who(view, measure),
        _newest(view, measure),
    )


def metric(measure: Measure, kind: MetricKind, title: str) -> Metric:
    """A metric over the values or scores."""
    return Metric(kind=kind, title=title, field=measure.field, decimals=measure.decimals)


def _figure(measure: Measure, kind: MetricKind, title: str) -> Panel:
    return Panel(
        id=f"{measure.name}-{kind}",
        title=title,
        question=f"What is the {title.lower()} {measure.title[0].lower()}{measure.title[1:]}?",
        chart="metric",
        metrics=(metric(measure, kind, measure.title),),
        where=Exists(measure.field),
        width=12,
        height=6,
    )


def _over_time(measure: Measure) -> Panel:
    beside = f" beside {' and '.join(f'the {line.title}' for line in measure.lines)}" if measure.lines else ""
    return Panel(
        id=f"{measure.name}-over-time",
        title=f"{measure.title} over time",
        question=f"How does the {measure.name} change{beside}?",
        chart="time_line",
        by=(Times("When it happened"),),
        metrics=(
            metric(measure, "average", "average"),
            metric(measure, "min", "lowest"),
            metric(measure, "max", "highest"),
        ),
        lines=measure.lines,
        where=Exists(measure.field),
        width=WIDE,
        height=14,
    )


def _distribution(view: View, measure: Measure) -> Panel:
    return Panel(
        id=f"{measure.name}-distribution",
        title=f"Distribution of {measure.name}s",
        question=f"Which {measure.name}s are usual, and which of them alert?",
        chart="histogram",
        by=(
            Numbers(field=measure.field, title=measure.title),
            Terms(field=LABEL, title="Label", size=view.n_labels, colours="label"),
        ),
        where=Exists(measure.field),
        height=14,
    )


def _by_who(view: View, measure: Measure) -> Panel:
    who = view.who
    return Panel(
        id=f"{measure.name}-by-{who.id}",
        title=f"{measure.title} by {who.one}",
        question=f"Which {who.many} have high and low {measure.name}s?",
        chart="table",
        by=(Terms(field=who.field, title=who.title, size=20),),
        metrics=(
            metric(measure, "average", "Average"),
            metric(measure, "min", "Lowest"),
            metric(measure, "max", "Highest"),
            Metric(title="Events"),
        ),
        where=Exists(measure.field),
        height=14,
        may_be_empty=f"no event has {who.field}; configure the shipper to send it",
    )


def _anomalies(view: View, measure: Measure) -> tuple[Panel, ...]:
    features = view.deviating
    return (
        Panel(
            id="deviating-features",
            title="Features that deviate",
            question="Which features are most often the reason for an anomaly?",
            chart="table" if features is not None else "bar",
            by=(Terms(field=REASONS, title="Reason", size=12) if features is None else features,),
            metrics=(Metric(title=view.words.title),),
            where=view.threat,
            height=14,
            may_be_empty="no anomaly has reasons",
        ),
        Panel(
            id="top-anomalies",
            title="Top anomalies",
            question="Which events are the farthest beyond the threshold? A click on a row shows the whole event.",
            chart="documents",
            metrics=(),
            search=SavedSearch(
                id="top-anomalies",
                title="Top anomalies",
                description=f"Every anomaly, the {'lowest' if measure.worst_is_low else 'highest'} score first",
                columns=(
                    Column(field=measure.field, title=measure.title, width=100),
                    Column(field=view.who.field, title=view.who.title, width=110),
                    Column(field=REASONS, title="Reasons"),
                    Column(field="event.original", title="Raw line"),
                ),
                where=view.threat,
                order_by=measure.field,
                ascending=measure.worst_is_low,
            ),
            width=WIDE,
            height=14,
            may_be_empty="no score is beyond the threshold",
        ),
    )


def _alerts_over_time(view: View) -> Panel:
    return Panel(
        id="threats-timestamps",
        title=f"{view.words.title} over time",
        question=f"When did the {view.words.many} happen?",
        chart="time_bar",
        by=(Times("When it happened"),),
        metrics=(Metric(title=view.words.title),),
        where=view.threat,
        colour=VERMILLION,
        width=30,
        may_be_empty=f"there are no {view.words.many}",
    )


def _alerts_by_who(view: View) -> Panel:
    who = view.who
    return Panel(
        id="threats-per-user",
        title=f"{view.words.title} per {who.one}",
        question=f"{view.words.whose_hold} the most {view.words.many}?",
        chart="bar",
        by=(Terms(field=who.field, title=who.title, size=10),),
        metrics=(Metric(title=view.words.title),),
        where=view.threat,
        colour=VERMILLION,
        width=18,
        drill_down="triage",
        may_be_empty=f"there are no {view.words.many}, or no event has {who.field}",
    )


def _newest(view: View, measure: Measure) -> Panel:
    return Panel(
        id="newest-values",
        title="Newest values",
        question="What came last? A click on a row shows the whole event.",
        chart="documents",
        metrics=(),
        search=SavedSearch(
            id="newest-values",
            title="Newest values",
            description="Every event with a value, the newest first",
            columns=(
                Column(field=measure.field, title=measure.title, width=120),
                Column(field=view.who.field, title=view.who.title, width=110),
                Column(field="event.original", title="Raw line"),
            ),
            where=Exists(measure.field),
            source=PREDICTIONS,
        ),
        source=PREDICTIONS,
        width=WIDE,
        height=18,
    )
