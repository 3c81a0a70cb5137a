"""The dashboard *Operations*: do events get their verdict in time, and does the model still fit them?"""

from __future__ import annotations

from contract.documents.fields import ENRICHED, FAILED, PENDING, STATUS
from kibana.panels.conditions import Between, Exists, Is
from kibana.panels.declarations import (
    ARRIVALS,
    PREDICTIONS,
    WATCHERS,
    Case,
    Cases,
    Column,
    Control,
    Dashboard,
    Metric,
    Panel,
    SavedSearch,
    Terms,
    Times,
)
from kibana.panels.model_view import LABEL, View
from kibana.panels.palette import GREEN, ORANGE, PURPLE, VERMILLION

DELAY = "oversight.prediction.delay_s"
NOVELTY = "oversight.prediction.novelty"
DELAY_CASES = Cases(
    title="Time to prediction",
    cases=(
        Case("up to 1 s", Between(DELAY, None, 1)),
        Case("1 to 5 s", Between(DELAY, 1, 5)),
        Case("5 to 30 s", Between(DELAY, 5, 30)),
        Case("30 s to 5 min", Between(DELAY, 30, 300)),
        Case("5 min to 1 h", Between(DELAY, 300, 3_600)),
        Case("more than 1 h", Between(DELAY, 3_600, None)),
    ),
)
STATUS_CASES = Cases(
    title="Status",
    cases=(
        Case(ENRICHED, Is(STATUS, ENRICHED), GREEN),
        Case(PENDING, Is(STATUS, PENDING), ORANGE),
        Case(FAILED, Is(STATUS, FAILED), VERMILLION),
    ),
)


def dashboard(view: View) -> Dashboard:
    """The dashboard of one installation."""
    events = view.words.events
    return Dashboard(
        id="operations",
        title="Operations",
        description=f"Whether events get their verdict in time, and whether the model still fits the {events}",
        intro=(
            "**What you see:** events by their time of arrival. *Pending* ones wait for a watcher, none is lost; "
            "*failed* ones say why, and `oversight retry` tries them again. Below: how long a verdict takes, which "
            "watchers are running, and whether the predictions still look like the training rows."
        ),
        panels=(*_counts(), *_flow(), *_delay(), *_failures(), _watchers(), *_model(view), *_drift(view)),
        controls=(Control(id="model-version", field="oversight.model.version", title="Model version"),),
    )


def _counts() -> tuple[Panel, ...]:
    return (
        Panel(
            id="ingested",
            title="Ingested",
            question="How many events arrived?",
            chart="metric",
            metrics=(Metric(title="Events"),),
            source=ARRIVALS,
            width=12,
            height=6,
        ),
        Panel(
            id="enriched",
            title="Predicted",
            question="How many have a verdict?",
            chart="metric",
            metrics=(Metric(title="Events"),),
            where=Is(STATUS, ENRICHED),
            source=ARRIVALS,
            colour=GREEN,
            width=12,
            height=6,
        ),
        Panel(
            id="pending",
            title="Pending",
            question="How many wait for a watcher?",
            chart="metric",
            metrics=(Metric(title="Events"),),
            where=Is(STATUS, PENDING),
            source=ARRIVALS,
            colour=ORANGE,
            width=12,
            height=6,
        ),
        Panel(
            id="failed",
            title="Failed",
            question="How many could not be read or predicted?",
            chart="metric",
            metrics=(Metric(title="Events"),),
            where=Is(STATUS, FAILED),
            source=ARRIVALS,
            colour=VERMILLION,
            width=12,
            height=6,
        ),
    )


def _flow() -> tuple[Panel, ...]:
    return (
        Panel(
            id="ingested-by-status",
            title="Ingested by status",
            question="Does every event get its verdict?",
            chart="time_bar",
            by=(Times("When it arrived"), STATUS_CASES),
            source=ARRIVALS,
            width=48,
        ),
    )


def _delay() -> tuple[Panel, ...]:
    return (
        Panel(
            id="time-to-prediction",
            title="Time to prediction",
            question="How long does an event wait for its verdict?",
            chart="time_line",
            by=(Times("When it was predicted"),),
            metrics=tuple(
                Metric(kind="percentile", title=title, field=DELAY, percent=percent, format="seconds", decimals=1)
                for title, percent in (("half within", 50.0), ("95 % within", 95.0))
            ),
            where=Exists(DELAY),
            source=PREDICTIONS,
            width=30,
        ),
        Panel(
            id="time-to-prediction-ranges",
            title="Time to prediction by ranges",
            question="How many had to wait, and how long?",
            chart="bar",
            by=(DELAY_CASES,),
            where=Exists(DELAY),
            source=PREDICTIONS,
            colour=GREEN,
            width=18,
        ),
    )


def _failures() -> tuple[Panel, ...]:
    nothing = "no event that arrived in this time range has failed"
    return (
        Panel(
            id="failed-by-reason",
            title="Failed by reason",
            question="Why do events fail?",
            chart="bar",
            by=(Terms(field="error.type", title="Reason", size=12),),
            where=Is(STATUS, FAILED),
            source=ARRIVALS,
            colour=VERMILLION,
            width=18,
            height=14,
            may_be_empty=nothing,
        ),
        Panel(
            id="failed-events",
            title="Failed events",
            question="Which events failed, and what can you do?",
            chart="documents",
            metrics=(),
            search=SavedSearch(
                id="failed-events",
                title="Failed events",
                description="Every event that could not be read or predicted, why, and its raw line; the newest first",
                columns=(
                    Column(field="error.type", title="Reason", width=170),
                    Column(field="error.message", title="What was wrong and what to do"),
                    Column(field="oversight.failure.processor", title="Processor", width=150),
                    Column(field="event.original", title="Raw line"),
                ),
                where=Is(STATUS, FAILED),
                source=ARRIVALS,
            ),
            source=ARRIVALS,
            width=30,
            height=14,
            may_be_empty=nothing,
        ),
    )


def _watchers() -> Panel:
    return Panel(
        id="watchers",
        title="Watchers",
        question="Which watchers are running, and do they keep up?",
        chart="documents",
        metrics=(),
        search=SavedSearch(
            id="watchers",
            title="Watchers",
            description="The last heartbeat of each watcher, the newest first",
            columns=(
                Column(field="host.name", title="Machine", width=140),
                Column(field="process.pid", title="Process", width=90),
                Column(field="watcher.state", title="State", width=100),
                Column(field="watcher.rate_per_s", title="Events/s", width=100),
                Column(field="watcher.pending", title="Pending", width=100),
                Column(field="watcher.oldest_pending_s", title="Oldest waits (s)", width=130),
                Column(field="oversight.model.version", title="Model version", width=130),
                Column(field="watcher.trouble", title="Trouble"),
            ),
            source=WATCHERS,
        ),
        source=WATCHERS,
        width=48,
        height=10,
        may_be_empty="no watcher has written a heartbeat in this time range; `oversight watch` starts one",
    )


def _model(view: View) -> tuple[Panel, ...]:
    trained = " against the training rows" if view.training_shares else ""
    return (
        Panel(
            id="model-versions",
            title="Model versions",
            question="Which model version predicted when?",
            chart="time_bar",
            by=(Times("When it was predicted"), Terms(field="oversight.model.version", title="Model version", size=8)),
            where=Exists(LABEL),
            source=PREDICTIONS,
        ),
        Panel(
            id="predictions-by-label",
            title=f"Predictions by label{trained}",
            question=(
                "Are the verdicts distributed like the training rows?"
                if view.training_shares
                else "How are the verdicts distributed over the labels?"
            ),
            chart="table",
            by=(view.label_cases(),),
            metrics=(Metric(title="Predictions"), Metric(kind="share", title="Share", format="percent", decimals=2)),
            where=Exists(LABEL),
            source=PREDICTIONS,
        ),
    )


def _drift(view: View) -> tuple[Panel, ...]:
    unseen = Panel(
        id="values-never-seen",
        title="Values that training never saw",
        question="Which features have left the range of training?",
        chart="bar",
        by=(Terms(field="oversight.prediction.warnings", title="Warning", size=15),),
        source=PREDICTIONS,
        colour=PURPLE,
        may_be_empty="no event in this time range has a value outside the range of training",
    )
    if not view.knows_unknown:
        return (unseen,)
    novelty = Panel(
        id="novelty",
        title="Drift: novelty and share of unknowns",
        question=view.words.moves_away,
        chart="time_line",
        by=(Times("When it was predicted"),),
        metrics=(
            Metric(kind="average", title="Average novelty", field=NOVELTY, format="percent", decimals=1),
            Metric(
                kind="ratio",
                title="Share of novel events",
                part=Is("oversight.prediction.unknown", True),
                format="percent",
                decimals=1,
            ),
        ),
        where=Exists(LABEL),
        source=PREDICTIONS,
    )
    return (novelty, unseen)
