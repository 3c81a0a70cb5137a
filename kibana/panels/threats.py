"""The dashboard *Oversight*: which threats the model finds, of which kind, when, and in whose traffic."""

from __future__ import annotations

from kibana.panels.conditions import All, Exists, Not, Where
from kibana.panels.declarations import (
    PREDICTIONS,
    Column,
    Control,
    Dashboard,
    Metric,
    Panel,
    SavedQuery,
    SavedSearch,
    Terms,
    Times,
)
from kibana.panels.model_view import FAMILY, LABEL, USER, View
from kibana.panels.palette import VERMILLION

LAST_DAYS = "now-7d"

CONTROLS = (
    Control(id="user", field=USER, title="User"),
    Control(id="family", field=FAMILY, title="Family"),
    Control(id="label", field=LABEL, title="Label"),
)

DETAILS_COLUMNS = (
    Column(field=USER, title="User", width=110),
    Column(field=LABEL, title="Label", width=130),
    Column(field=FAMILY, title="Family", width=90),
    Column(field="oversight.prediction.probability", title="Probability", width=100),
    Column(field="event.severity", title="Severity", width=90),
    Column(field="oversight.prediction.reasons", title="Reasons"),
    Column(field="event.original", title="Raw line"),
)


def dashboard(view: View) -> Dashboard:
    """The dashboard of one model."""
    return Dashboard(
        id="oversight",
        title="Oversight",
        description="Threats that the model finds in the traffic: which, when, and in whose traffic",
        intro=(
            "**What you see:** every event that has a verdict of the model. A *threat* is an attack"
            f"{' or an event unlike anything in training (`unknown`)' if view.knows_unknown else ''}; "
            "harmless traffic is sky blue everywhere, and each family of attacks has one colour. Pick a user, a "
            "family or a label above; click a user to go on to *Triage*."
        ),
        panels=(*_figures(view), *_kinds(view), *_over_time(view), *_users(view), _details(view)),
        controls=CONTROLS,
    )


def _figures(view: View) -> tuple[Panel, ...]:
    return (
        Panel(
            id="predicted",
            title="Events with a verdict",
            question="How much traffic was judged?",
            chart="metric",
            metrics=(Metric(title="Events"),),
            where=Exists(LABEL),
            width=12,
            height=6,
        ),
        Panel(
            id="threats",
            title="Threats",
            question="How many events are attacks or unknown?",
            chart="metric",
            metrics=(Metric(title="Threats"),),
            where=view.threat,
            colour=VERMILLION,
            width=12,
            height=6,
        ),
        Panel(
            id="threat-share",
            title="Share of threats",
            question="How much of the traffic is a threat?",
            chart="metric",
            metrics=(Metric(kind="ratio", title="Of all events", part=view.threat, format="percent", decimals=1),),
            where=Exists(LABEL),
            width=12,
            height=6,
        ),
        Panel(
            id="users-with-threats",
            title="Users with threats",
            question="How many users are affected?",
            chart="metric",
            metrics=(Metric(kind="unique_count", title="Users", field=USER),),
            where=view.threat,
            width=12,
            height=6,
        ),
    )


def _kinds(view: View) -> tuple[Panel, ...]:
    return (
        Panel(
            id="threats-bar",
            title="Threats Bar",
            question="Which threats are there, and how many of each?",
            chart="bar",
            by=(Terms(field=LABEL, title="Label", size=view.n_labels, colours="label"),),
            where=view.threat,
            height=14,
        ),
        Panel(
            id="threats-pie",
            title="Threats Pie",
            question="What share of the traffic is harmless, and what share is which family and label?",
            chart="donut",
            by=(
                Terms(field=FAMILY, title="Family", size=view.n_families, colours="family"),
                Terms(field=LABEL, title="Label", size=view.n_labels, colours="label"),
            ),
            where=Exists(LABEL),
            height=14,
        ),
    )


def _over_time(view: View) -> tuple[Panel, ...]:
    return (
        Panel(
            id="threats-timestamps",
            title="Threats Timestamps",
            question="When did the threats happen?",
            chart="time_bar",
            by=(Times("When it happened"), Terms(field=LABEL, title="Label", size=view.n_labels, colours="label")),
            where=view.threat,
            width=48,
        ),
        Panel(
            id="threats-detection-timeline",
            title="Threats Detection Timeline",
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
    return (
        Panel(
            id="threats-per-user",
            title="Threats Per User",
            question="Whose traffic holds the most threats, and which?",
            chart="bar",
            by=(
                Terms(field=USER, title="User", size=10),
                Terms(field=LABEL, title="Label", size=view.n_labels, colours="label"),
            ),
            where=view.threat,
            height=14,
            drill_down="triage",
        ),
        Panel(
            id="threats-pie-per-user",
            title="Threats Pie Per User",
            question="How are the threats distributed over the users, and each user's threats over the families?",
            chart="donut",
            by=(
                Terms(field=USER, title="User", size=10, others=True),
                Terms(field=FAMILY, title="Family", size=view.n_families, colours="family"),
            ),
            where=view.threat,
            height=14,
            drill_down="triage",
        ),
    )


def _details(view: View) -> Panel:
    return Panel(
        id="threats-details-per-user",
        title="Threats details per User",
        question="What exactly was it? A click on a row shows the whole event.",
        chart="documents",
        metrics=(),
        search=SavedSearch(
            id="threats-details-per-user",
            title="Threats details per User",
            description="Every threat with its user, its reasons and its raw line, the newest first",
            columns=DETAILS_COLUMNS,
            where=view.threat,
        ),
        width=48,
        height=18,
    )


def queries(view: View) -> tuple[SavedQuery, ...]:
    """Saved queries over the last seven days: one user, and one user without the harmless traffic."""
    replace = f'put the user\'s name in place of the star, as in {USER}: "alice"'
    not_normal: Where = Exists(USER) if view.is_harmless is None else All((Exists(USER), Not(view.is_harmless)))
    return (
        SavedQuery(
            id="one-user",
            title="One user, last seven days",
            description=f"All events of one user: {replace}",
            where=Exists(USER),
            time_from=LAST_DAYS,
        ),
        SavedQuery(
            id="one-user-not-normal",
            title="One user and not normal, last seven days",
            description=f"Events of one user that are not harmless: {replace}",
            where=not_normal,
            time_from=LAST_DAYS,
        ),
    )
