"""The page *Incidents*. Unlike the dashboards it has no panels: its list comes from `console.incidents.data`."""

from __future__ import annotations

from kibana.panels.declarations import Dashboard
from kibana.panels.model_view import View

INCIDENTS = "incidents"


def board(view: View) -> Dashboard:
    """Return the page of the incidents of a model, with the filters of the dashboards."""
    return Dashboard(
        id=INCIDENTS,
        title="Incidents",
        description="The alerts of one machine, close in time, as one incident each",
        intro="**What you see:** alerts of one machine (or against one target) without a long pause are one incident. "
        "The worst machines come first. Open an incident to see what happened, why, and what else the machine did.",
        panels=(),
        controls=view.controls,
    )
