"""Tables of incidents for the dashboard *Triage*: alerts by machine and family, worst first.

The console's page *Incidents* also splits them at pauses. A table has no field for that, so here a machine and a family
have one row in the whole time range. Nor has it a field that is an address or else a user, so users have a table.

alerts ──┬─▶ of a family marked `by: target`, with a target  ──▶ by destination.ip
         ├─▶ other ones                                      ──▶ by source.ip
         └─▶ all                                             ──▶ by the user or host that the documents are about
"""

from __future__ import annotations

from dataclasses import replace

from kibana.panels.conditions import All, Exists, Is, Not, Where, all_of
from kibana.panels.declarations import Metric, Panel, Terms
from kibana.panels.model_view import ALERT, DESTINATION, FAMILY, LABEL, NO_ADDRESSES, SOURCE, View

VERDICT = "oversight.feedback.verdict"
MACHINES_SHOWN, NAMES_SHOWN = 20, 10
ALERTS = (
    Metric(kind="max", title="Highest risk", field="event.risk_score", decimals=1),
    Metric(title="Alerts"),
    Metric(title="Without a verdict", part=Not(Exists(VERDICT))),
)


def panels(view: View) -> tuple[Panel, ...]:
    """Return the tables of incidents, in one row of the grid."""
    targets = tuple(sorted(view.contract.target_families)) if view.contract.names_families else ()
    by_target = All((Is(FAMILY, targets), Exists(DESTINATION))) if targets else None
    others = None if by_target is None else Not(by_target)
    by_who = _by_who(view)
    if not view.is_about_network:
        return (by_who,)
    by_machine = _by_machine(view, all_of(ALERT, others))
    if by_target is None:
        return (by_machine, replace(by_who, width=24))
    return (by_machine, _by_target(view, all_of(ALERT, by_target), targets), by_who)


def _name(view: View) -> Terms:
    if view.contract.names_families:
        return Terms(field=FAMILY, title="Family", size=min(NAMES_SHOWN, view.n_families), colours="family")
    return Terms(field=LABEL, title="Label", size=min(NAMES_SHOWN, view.n_labels), colours="label")


def _by_machine(view: View, where: Where | None) -> Panel:
    name = _name(view)
    return Panel(
        id="incidents",
        title=f"Incidents by machine and {name.title.lower()}",
        question=f"One row for each {SOURCE} and {name.title.lower()}, the highest risk first: which machines need "
        "attention?",
        chart="table",
        by=(Terms(field=SOURCE, title="Machine", size=MACHINES_SHOWN), name),
        metrics=(*ALERTS, Metric(kind="unique_count", title="Targets", field=DESTINATION)),
        where=where,
        may_be_empty=f"no alert of this group has {SOURCE}; {NO_ADDRESSES}",
    )


def _by_target(view: View, where: Where | None, targets: tuple[str, ...]) -> Panel:
    return Panel(
        id="incidents-by-target",
        title="Incidents by target",
        question=f"One row for each {DESTINATION}, only for {', '.join(targets)}, whose sources can be forged: which "
        "machines are flooded?",
        chart="table",
        by=(Terms(field=DESTINATION, title="Target", size=MACHINES_SHOWN), _name(view)),
        metrics=(*ALERTS, Metric(kind="unique_count", title="Sources", field=SOURCE)),
        where=where,
        may_be_empty=f"no alert of {', '.join(targets)} has {DESTINATION}; {NO_ADDRESSES}",
    )


def _by_who(view: View) -> Panel:
    who, name = view.who, _name(view)
    return Panel(
        id="incidents-by-user",
        title=f"Incidents by {who.one} and {name.title.lower()}",
        question=f"One row for each {who.field} and {name.title.lower()}, the highest risk first: which {who.many} "
        "need attention?",
        chart="table",
        by=(Terms(field=who.field, title=who.title, size=MACHINES_SHOWN), name),
        metrics=ALERTS,
        where=ALERT,
        width=48,
    )
