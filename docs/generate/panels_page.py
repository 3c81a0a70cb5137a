"""Generates docs/panels.md from the declarations: every panel with its question, every rule with its condition."""

from __future__ import annotations

from contract.artifact.contract import ModelContract
from kibana.panels.boards import boards
from kibana.panels.declarations import Boards, Cases, Dashboard, Panel, Terms, Times
from kibana.saved_objects.alert_rules import Rule, alert_rules

CHARTS = {
    "metric": "number",
    "bar": "bars",
    "histogram": "histogram",
    "time_bar": "columns over time",
    "time_line": "lines over time",
    "donut": "donut",
    "table": "table",
    "heat_map": "heat map",
    "documents": "events as rows",
}


def panels_page(contract: ModelContract, note: str) -> str:
    """Return the page for one model."""
    declared = boards(contract)
    lines = [
        "# Panels and alert rules",
        "",
        note,
        "",
        f"These are the panels and rules for the model `{contract.name}`. Another model has its own labels and "
        "families. It has fewer panels",
        "if it measures no novelty or has no ATT&CK techniques, and others if it predicts values or scores. "
        "[dashboards.md](dashboards.md)",
        "explains what each task shows, and how to import the panels into Kibana.",
    ]
    for board in declared.dashboards:
        lines += _board(board)
    lines += _saved(declared)
    lines += ["", "## Alert rules", "", "| rule | fires if | checked | what it means |", "|---|---|---|---|"]
    lines += [_rule(rule) for rule in alert_rules(contract)]
    return "\n".join(lines) + "\n"


def _board(board: Dashboard) -> list[str]:
    chosen = ", ".join(control.title.lower() for control in board.controls)
    head = ["", f"## {board.title}", "", f"{board.description}. Filters: {chosen}.", ""]
    head += ["| panel | question | shows | fields |", "|---|---|---|---|"]
    return head + [_panel(panel) for panel in board.panels]


def _panel(panel: Panel) -> str:
    names = list(dict.fromkeys(panel.fields()))
    shown = ", ".join(f"`{name}`" for name in names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    by = [each.title for each in panel.by if isinstance(each, Terms | Cases)]
    over = [f"by {each.title[0].lower()}{each.title[1:]}" for each in panel.by if isinstance(each, Times)]
    chart = CHARTS[panel.chart] + (f" {', '.join(over)}" if over else "") + (f": {', '.join(by)}" if by else "")
    return f"| {panel.title} | {panel.question} | {chart} | {shown} |"


def _saved(declared: Boards) -> list[str]:
    lines = ["", "## Saved searches and saved queries", "", "| name | what it shows |", "|---|---|"]
    lines += [f"| {search.title} | {search.description} |" for search in declared.searches]
    return lines + [f"| {query.title} | {query.description} |" for query in declared.queries]


def _rule(rule: Rule) -> str:
    measure = "the number of events" if rule.average_of is None else f"the average of `{rule.average_of}`"
    group = f" for one `{rule.by}`" if rule.by else ""
    min_age = f", for events that are at least {rule.ago_min} minutes old" if rule.ago_min else ""
    window = f"{rule.window_min} minutes" if rule.window_min < 2 * 24 * 60 else f"{rule.window_min // (24 * 60)} days"
    fires = f"{measure}{group} over {window} is above {rule.above:g}{min_age}"
    every = "each minute" if rule.every_min == 1 else f"every {rule.every_min} minutes"
    return f"| {rule.name} | {fires} | {every}, by `{rule.source.time_field}` | {rule.what} |"
