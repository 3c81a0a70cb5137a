"""The *Oversight Dashboard*: which threats the model finds, of which kind, when, and in whose traffic.

A model of numbers has its own panels below the figures (kibana/panels/numbers.py).
"""

from __future__ import annotations

import dataclasses

from kibana.panels import numbers
from kibana.panels.conditions import All, Exists, Not, Where
from kibana.panels.declarations import (
    PREDICTIONS,
    Column,
    Dashboard,
    Metric,
    Panel,
    SavedQuery,
    SavedSearch,
    Terms,
    Times,
)
from kibana.panels.model_view import ALERT, DESTINATION, FAMILY, LABEL, LABELS, NO_ADDRESSES, REASONS, SOURCE, View
from kibana.panels.palette import VERMILLION

LAST_DAYS = "now-7d"


def dashboard(view: View) -> Dashboard:
    """The dashboard of one model."""
    words, events = view.words, view.words.events
    return Dashboard(
        id="oversight",
        title="Oversight Dashboard",
        description=f"{words.title} that the model finds in the {events}: which, when, and in whose {events}",
        intro=_intro(view) if view.measure is None else numbers.intro(view, view.measure),
        panels=_panels(view),
        controls=view.controls,
    )


def _intro(view: View) -> str:
    words, who = view.words, view.who.one
    unknown = " or an event unlike anything in training (`unknown`)" if view.knows_unknown else ""
    return (
        "**What you see:** every event that has a verdict of the model. "
        f"A *{words.one}* is {words.meaning}{unknown}; {words.are_harmless} sky blue everywhere, "
        f"and each family of {words.attacks} has one colour. "
        f"Pick a {who}, a family or a label above; click a {who} in *From {who} to triage* to go on to *Triage*."
    )


def _panels(view: View) -> tuple[Panel, ...]:
    if view.measure is None:
        return (
            *_figures(view),
            *_kinds(view),
            *_holding(view),
            *_machines(view),
            *_over_time(view),
            *_users(view),
            _details(view),
        )
    if not view.measure.lines:
        return numbers.without_bounds(view, view.measure)
    return (*_figures(view), *numbers.panels(view, view.measure), _details(view))


def _figures(view: View) -> tuple[Panel, ...]:
    words, who = view.words, view.who
    return (
        Panel(
            id="predicted",
            title="Events with a verdict",
            question=words.judged,
            chart="metric",
            metrics=(Metric(title="Events"),),
            where=Exists(LABEL),
            width=12,
            height=6,
        ),
        Panel(
            id="threats",
            title=words.title,
            question=words.how_many,
            chart="metric",
            metrics=(Metric(title=words.title),),
            where=view.threat,
            colour=VERMILLION,
            width=12,
            height=6,
        ),
        Panel(
            id="threat-share",
            title=f"Share of {words.many}",
            question=words.how_much,
            chart="metric",
            metrics=(Metric(kind="ratio", title="Of all events", part=view.threat, format="percent", decimals=1),),
            where=Exists(LABEL),
            width=12,
            height=6,
        ),
        Panel(
            id="users-with-threats",
            title=f"{who.titles} with {words.many}",
            question=f"How many {who.many} are affected?",
            chart="metric",
            metrics=(Metric(kind="unique_count", title=who.titles, field=who.field),),
            where=view.threat,
            width=12,
            height=6,
        ),
    )


def _kinds(view: View) -> tuple[Panel, ...]:
    words = view.words
    return (
        Panel(
            id="threats-bar",
            title=f"{words.title} Bar",
            question=f"Which {words.many} are there, and how many of each?",
            chart="bar",
            by=(Terms(field=LABEL, title="Label", size=view.n_labels, colours="label"),),
            where=view.threat,
            height=14,
        ),
        Panel(
            id="threats-pie",
            title=f"{words.title} Pie",
            question=f"What share of the {words.events} is harmless, and what share is which family and label?",
            chart="donut",
            by=(
                Terms(field=FAMILY, title="Family", size=view.n_families, colours="family"),
                Terms(field=LABEL, title="Label", size=view.n_labels, colours="label"),
            ),
            where=Exists(LABEL),
            height=14,
        ),
    )


def _holding(view: View) -> tuple[Panel, ...]:
    """Panels of a model of which several labels may hold for one event."""
    if not view.contract.several_labels:
        return ()
    label = Terms(field=LABELS, title="Label", size=view.n_labels, colours="label")
    return (
        Panel(
            id="labels-that-hold",
            title="All labels that hold",
            question=f"How often does each label hold among the {view.words.many}, alone or beside others?",
            chart="bar",
            by=(label,),
            where=view.threat,
            height=14,
        ),
        Panel(
            id="labels-together",
            title="Labels that hold together",
            question="Which labels hold for the same event, and how often?",
            chart="heat_map",
            by=(label, dataclasses.replace(label, title="Beside")),
            where=view.threat,
            height=14,
        ),
    )


def _machines(view: View) -> tuple[Panel, ...]:
    """Who attacks and who is attacked; empty unless the events are about a network."""
    if not view.is_about_network:
        return ()
    source, destination = (SOURCE, "Source", "Sources"), (DESTINATION, "Destination", "Destinations")
    return (
        _machine(view, source, destination, question=f"Which machines do the {view.words.many} come from?"),
        _machine(view, destination, source, question=f"Which machines do the {view.words.many} hit?"),
    )


def _machine(view: View, one: tuple[str, str, str], other: tuple[str, str, str], *, question: str) -> Panel:
    """The threats of each machine on one side, with the number of machines on the other."""
    field, title, _ = one
    other_field, _, others = other
    return Panel(
        id=f"threats-by-{title.lower()}",
        title=f"{title}s of {view.words.many}",
        question=question,
        chart="table",
        by=(Terms(field=field, title=title, size=15), Terms(field=LABEL, title="Label", size=3)),
        metrics=(
            Metric(title=view.words.title),
            Metric(kind="unique_count", title=others, field=other_field),
        ),
        where=view.threat,
        may_be_empty=f"no {view.words.one} has {field}; {NO_ADDRESSES}",
    )


def _over_time(view: View) -> tuple[Panel, ...]:
    words = view.words
    return (
        Panel(
            id="threats-timestamps",
            title=f"{words.title} Timestamps",
            question=f"When did the {words.many} happen?",
            chart="time_bar",
            by=(Times("When it happened"), Terms(field=LABEL, title="Label", size=view.n_labels, colours="label")),
            where=view.threat,
            width=48,
        ),
        Panel(
            id="threats-detection-timeline",
            title=f"{words.title} Detection Timeline",
            question="When did the model find them?",
            chart="time_bar",
            by=(
                Times("When it was detected"),
                Terms(field=FAMILY, title="Family", size=view.n_families, colours="family"),
            ),
            where=view.threat,
            source=PREDICTIONS,
            width=48,
        ),
    )


def _users(view: View) -> tuple[Panel, ...]:
    words, who = view.words, view.who
    return (
        Panel(
            id="threats-per-user",
            title=f"{words.title} Per {who.title}",
            question=f"{words.whose_hold} the most {words.many}, and which?",
            chart="bar",
            by=(
                Terms(field=who.field, title=who.title, size=10),
                Terms(field=LABEL, title="Label", size=view.n_labels, colours="label"),
            ),
            where=view.threat,
            height=14,
            drill_down="triage",
        ),
        Panel(
            id="threats-pie-per-user",
            title=f"{words.title} Pie Per {who.title}",
            question=f"How are the {words.many} distributed over the {who.many}, "
            f"and each {who.one}'s {words.many} over the families?",
            chart="donut",
            by=(
                Terms(field=who.field, title=who.title, size=10, others=True),
                Terms(field=FAMILY, title="Family", size=view.n_families, colours="family"),
            ),
            where=view.threat,
            height=14,
            drill_down="triage",
        ),
        Panel(
            id="user-to-triage",
            title=f"From {who.one} to triage",
            question=f"Which {who.many} have alerts to look at in Triage?",
            chart="table",
            by=(Terms(field=who.field, title=who.title, size=20),),
            metrics=(
                Metric(title=words.title),
                Metric(title="Alerts", part=ALERT),
                *((Metric(title="Unknowns", part=view.unknown),) if view.knows_unknown else ()),
                Metric(kind="max", title="Highest risk", field="event.risk_score", decimals=1),
            ),
            where=view.threat,
            width=48,
            height=10,
            drill_down="triage",
        ),
    )


def _details(view: View) -> Panel:
    words, who = view.words, view.who
    title = f"{words.title} details per {who.title}" if view.measure is None else f"Newest {words.many}"
    return Panel(
        id="threats-details-per-user",
        title=title,
        question="What exactly was it? A click on a row shows the whole event.",
        chart="documents",
        metrics=(),
        search=SavedSearch(
            id="threats-details-per-user",
            title=title,
            description=f"Every {words.one} with its {who.one}, its reasons and its raw line, the newest first",
            columns=details_columns(view),
            where=view.threat,
        ),
        width=48,
        height=18,
    )


def details_columns(view: View) -> tuple[Column, ...]:
    """The columns of the first dashboard's table of events."""
    return (
        Column(field=view.who.field, title=view.who.title, width=110),
        *view.machines,
        Column(field=LABEL, title="Label", width=130),
        *view.holding,
        Column(field=FAMILY, title="Family", width=90),
        view.certainty,
        Column(field="event.severity", title="Severity", width=90),
        Column(field=REASONS, title="Reasons"),
        Column(field="event.original", title="Raw line"),
    )


def queries(view: View) -> tuple[SavedQuery, ...]:
    """Saved queries over the last seven days: one user, and one user without the harmless events."""
    who = view.who
    known = Exists(who.field)
    replace = f'put the {who.one}\'s name in place of the star, as in {who.field}: "{who.example}"'
    not_normal: Where = known if view.is_harmless is None else All((known, Not(view.is_harmless)))
    return (
        SavedQuery(
            id="one-user",
            title=f"One {who.one}, last seven days",
            description=f"All events of one {who.one}: {replace}",
            where=known,
            time_from=LAST_DAYS,
        ),
        SavedQuery(
            id="one-user-not-normal",
            title=f"One {who.one} and not normal, last seven days",
            description=f"Events of one {who.one} that are not harmless: {replace}",
            where=not_normal,
            time_from=LAST_DAYS,
        ),
    )
