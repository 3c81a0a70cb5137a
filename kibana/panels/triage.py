"""The dashboard *Triage*: which alerts to look at first, the reasons for them, and the analysts' verdicts."""

from __future__ import annotations

import dataclasses

from contract.documents.feedback import FALSE_POSITIVE, ROOT
from kibana.panels import incidents
from kibana.panels.conditions import All, Between, Exists, Is, Not
from kibana.panels.declarations import (
    EVENTS,
    PREDICTIONS,
    Case,
    Cases,
    Column,
    Dashboard,
    Metric,
    Panel,
    SavedSearch,
    Terms,
    Times,
)
from kibana.panels.model_view import (
    ALERT,
    DESTINATION,
    FAMILY,
    LABEL,
    NO_ADDRESSES,
    REASONS,
    SEVERE,
    SEVERITY_CASES,
    SEVERITY_FIELD,
    SOURCE,
    View,
)
from kibana.panels.palette import UNKNOWN, VERMILLION
from kibana.panels.words import MACHINES, USERS

VERDICT = f"{ROOT}.verdict"
NO_TECHNIQUE = "(label without a technique)"
RISK = "event.risk_score"
RISK_CASES = Cases(
    title="Risk score",
    cases=tuple(
        Case(f"{low} to {low + 20}", Between(RISK, low, low + 20 if low < 80 else None)) for low in range(80, -1, -20)
    ),
)


def alert_columns(view: View) -> tuple[Column, ...]:
    """The columns of the list of alerts."""
    attack = (Column(field="threat.technique.id", title="ATT&CK", width=90),)
    return (
        Column(field="@timestamp", title=EVENTS.time_title, width=170),
        Column(field=SEVERITY_FIELD, title="Severity", width=90),
        Column(field=RISK, title="Risk", width=80),
        Column(field=view.who.field, title=view.who.title, width=110),
        *view.machines,
        Column(field=LABEL, title="Label", width=130),
        *view.holding,
        view.certainty,
        *(attack if view.is_about_network or view.maps_attack else ()),
        Column(field=REASONS, title="Reasons"),
        Column(field=VERDICT, title="Verdict", width=120),
        Column(field="event.original", title="Raw line"),
    )


def dashboard(view: View) -> Dashboard:
    """The dashboard of one model."""
    unknown = "; unknowns alert only if a setting says so, and are shown separately" if view.knows_unknown else ""
    return Dashboard(
        id="triage",
        title="Triage",
        description="Which alerts to look at first, the reasons for them, and the analysts' verdicts",
        intro=(
            f"**What you see:** the alerts, which are the {view.words.attacks} not hidden by a suppression rule"
            f"{unknown}. Begin with the severe ones of high risk, read the reasons, open a row of *Newest alerts* for "
            "the whole event, and give your verdict with `oversight verdict`."
        ),
        panels=(
            *_figures(view),
            *_first(view),
            *incidents.panels(view),
            *_unknowns(view),
            *_attack(view),
            *_who(view),
            _reasons(view),
            _newest(view),
            *_verdicts(view),
        ),
        controls=view.controls,
    )


def _figures(view: View) -> tuple[Panel, ...]:
    panels = [
        Panel(
            id="alerts",
            title="Alerts",
            question="How many alerts are there?",
            chart="metric",
            metrics=(Metric(title="Alerts"),),
            where=ALERT,
            colour=VERMILLION,
        ),
        Panel(
            id="severe-alerts",
            title="High or critical",
            question="How many of them are severe?",
            chart="metric",
            metrics=(Metric(title="Alerts"),),
            where=All((ALERT, Between(SEVERITY_FIELD, 73))),
            colour=VERMILLION,
        ),
        Panel(
            id="alerts-without-verdict",
            title="Without a verdict",
            question="How many has nobody looked at?",
            chart="metric",
            metrics=(Metric(title="Alerts"),),
            where=All((ALERT, Not(Exists(VERDICT)))),
        ),
    ]
    if view.severe < SEVERE:
        del panels[1]  # no label of the model is that severe
    if view.knows_unknown:
        panels.append(
            Panel(
                id="unknowns",
                title="Unknowns",
                question="How many events are unlike anything in training?",
                chart="metric",
                metrics=(Metric(title="Unknowns"),),
                where=view.unknown,
                colour=UNKNOWN,
            )
        )
    return tuple(dataclasses.replace(panel, width=48 // len(panels), height=6) for panel in panels)


def _first(view: View) -> tuple[Panel, ...]:
    panels = (
        Panel(
            id="alerts-by-severity",
            title="Alerts by severity",
            question="When were there severe alerts?",
            chart="time_bar",
            by=(Times("When it happened"), SEVERITY_CASES),
            where=ALERT,
            width=30,
        ),
        Panel(
            id="alerts-by-risk",
            title="Alerts by risk",
            question="How many alerts are both severe and certain?",
            chart="bar",
            by=(RISK_CASES, SEVERITY_CASES),
            where=ALERT,
            width=18,
        ),
    )
    if view.measure is None:
        return panels
    return (dataclasses.replace(panels[0], width=48),)  # with one label that alerts, every risk score is the same


def _unknowns(view: View) -> tuple[Panel, ...]:
    if not view.knows_unknown:
        return ()
    return (
        Panel(
            id="unknowns-over-time",
            title="Unknowns over time",
            question=f"Is there something new, and which {'attack ' if view.is_about_network else ''}family is it most "
            "like?",
            chart="time_bar",
            by=(
                Times("When it happened"),
                Terms(field=FAMILY, title="Likeliest family", size=view.n_families, colours="family"),
            ),
            where=view.unknown,
            width=30,
        ),
        Panel(
            id="unknowns-by-user",
            title=f"Unknowns by {view.who.one}",
            question=view.words.whose_is_it,
            chart="bar",
            by=(Terms(field=view.who.field, title=view.who.title, size=10),),
            where=view.unknown,
            colour=UNKNOWN,
            width=18,
        ),
    )


def _attack(view: View) -> tuple[Panel, ...]:
    if not view.maps_attack:
        return ()
    return (
        Panel(
            id="attack-techniques",
            title="ATT&CK techniques",
            question="What do the attackers try, in the words of MITRE ATT&CK?",
            chart="table",
            by=(
                Terms(field="threat.technique.reference", title="Page", size=20, missing=NO_TECHNIQUE),
                Terms(field="threat.technique.name", title="Technique", size=1, missing="–"),
                Terms(field="threat.tactic.name", title="Tactic", size=1, missing="–"),
            ),
            metrics=(Metric(title="Alerts"), Metric(kind="unique_count", title=view.who.titles, field=view.who.field)),
            where=ALERT,
            width=48,
        ),
    )


def _who(view: View) -> tuple[Panel, ...]:
    who = view.who
    by_who = Terms(field=who.field, title=who.title, size=10)
    return (
        Panel(
            id="top-users",
            title=f"Top {who.many}",
            question=f"{view.words.whose_alert} most, and how severely?",
            chart="bar",
            by=(by_who, SEVERITY_CASES),
            where=ALERT,
            width=16,
        ),
        Panel(
            id="users-over-time",
            title=f"When each {who.one} alerts",
            question=f"Is it a burst or a steady trickle, and do several {who.many} alert at the same time?",
            chart="heat_map",
            by=(Times("When it happened"), by_who),
            where=ALERT,
            width=32,
        ),
        Panel(
            id="top-sensors",
            title="Top sensors",
            question="Which sensor sees it?",
            chart="bar",
            by=(Terms(field="observer.name", title="Sensor", size=10), SEVERITY_CASES),
            where=ALERT,
            may_be_empty="no alert has observer.name; `oversight ship` writes it, configure other shippers to send it",
            width=16 if view.is_about_network else 24,
        ),
        *_hosts(view),
    )


def _hosts(view: View) -> tuple[Panel, ...]:
    if view.is_about_network:
        attacked = view.measure is None
        return (
            Panel(
                id="top-sources",
                title="Top sources",
                question="Which machines attack?" if attacked else "Which machines do the alerts come from?",
                chart="bar",
                by=(Terms(field=SOURCE, title="Attacker" if attacked else "Source", size=10), SEVERITY_CASES),
                where=ALERT,
                may_be_empty=f"no alert has {SOURCE}; {NO_ADDRESSES}",
                width=16,
            ),
            Panel(
                id="top-hosts",
                title="Top hosts",
                question="Which machines are attacked?" if attacked else "Which machines do the alerts lead to?",
                chart="bar",
                by=(Terms(field=DESTINATION, title="Attacked host" if attacked else "Host", size=10), SEVERITY_CASES),
                where=ALERT,
                may_be_empty=f"no alert has {DESTINATION}; {NO_ADDRESSES}",
                width=16,
            ),
        )
    other = USERS if view.who is MACHINES else MACHINES
    return (
        Panel(
            id="top-hosts",
            title=f"Top {other.many}",
            question=f"Which {other.many} do the alerts belong to?",
            chart="bar",
            by=(Terms(field=other.field, title=other.title, size=10), SEVERITY_CASES),
            where=ALERT,
            may_be_empty=f"no alert has {other.field}; configure the shipper to send it",
        ),
    )


def _reasons(view: View) -> Panel:
    if not view.is_about_network and view.deviating is not None:
        return Panel(
            id="reasons",
            title="Features in reasons",
            question="Which features do the reasons of alerts name most often?",
            chart="table",
            by=(view.deviating,),
            metrics=(Metric(title="Alerts"),),
            where=ALERT,
            width=48,
            may_be_empty="no alert has reasons",
        )
    return Panel(
        id="reasons",
        title="Reasons",
        question="Which reasons do verdicts give most often?",
        chart="bar",
        by=(Terms(field=REASONS, title="Reason", size=12),),
        where=ALERT,
        width=48,
    )


def _newest(view: View) -> Panel:
    return Panel(
        id="newest-alerts",
        title="Newest alerts",
        question="What came last? A click on a row shows the whole event.",
        chart="documents",
        metrics=(),
        search=SavedSearch(
            id="newest-alerts",
            title="Newest alerts",
            description="Every alert by the time of its verdict, the newest first; a click on a row shows the whole "
            "event",
            columns=alert_columns(view),
            where=ALERT,
            source=PREDICTIONS,
        ),
        source=PREDICTIONS,
        width=48,
        height=18,
    )


def _verdicts(view: View) -> tuple[Panel, ...]:
    judged, wrong = Exists(VERDICT), Is(VERDICT, FALSE_POSITIVE)
    nobody = (
        "no event in this time range that matches the filters has an analyst's verdict; `oversight verdict` gives one"
    )
    return (
        Panel(
            id="analyst-verdicts",
            title="Analyst verdicts",
            question="How did analysts judge the predictions?",
            chart="bar",
            by=(
                Terms(field=LABEL, title="Label", size=15),
                Terms(field=VERDICT, title="Verdict", size=5, colours="verdict"),
            ),
            where=judged,
            may_be_empty=nobody,
        ),
        Panel(
            id="false-positive-rate",
            title="False-positive rate by label",
            question="Which labels raise false alarms?",
            chart="table",
            by=(Terms(field=LABEL, title="Label", size=view.n_labels),),
            metrics=(
                Metric(title="Verdicts"),
                Metric(title="False positives", part=wrong),
                Metric(kind="ratio", title="False-positive rate", part=wrong, format="percent", decimals=1),
            ),
            where=judged,
            sort_by=2,
            may_be_empty=nobody,
        ),
    )
