"""The output of `oversight provision`: a plan or a report, as lines or as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from es_pipelines.provision.plan import Plan
from es_pipelines.resources.kind import IN_THE_WAY, Action, Change
from oversight.terminal import one_line

KIND_WIDTH = 18
"""Width of the kind's column: `component template`."""
ACTION_WIDTH = 11
"""Width of the action's column: `rolled over`."""
COLOURS = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.ROLL_OVER: "yellow",
    Action.KEEP: "magenta",
    Action.REMOVE: "red",
    Action.STAY: "magenta",
}
SHOWN_LINES = 60
"""Most lines of one diff; `--json` has all of them."""


def cluster_line(plan: Plan) -> Text:
    """Describe the cluster."""
    licence = plan.facts.get("licence")
    licence_note = f", licence {licence} (basic is enough for Oversight)" if licence else ""
    return line("cluster", f"Elasticsearch {plan.facts.get('version', '?')}{licence_note}")


def step_line(step: Change, *, done: bool) -> Text:
    """Describe what will happen, or has happened, to one resource."""
    word = step.action.done if done else str(step.action)
    reason = f": {step.reason}" if step.reason else ""
    return line(word, f"{step.kind:<{KIND_WIDTH}} {step.name}{reason}", _colour(step.action))


def plan_lines(plan: Plan) -> Iterator[Text]:
    """Yield each change with its diff. Unchanged resources are only counted."""
    for step in plan.steps:
        if step.action in (Action.UNCHANGED, *IN_THE_WAY):
            continue
        size = f" ({len(step.diff) - 1} lines)" if step.action == Action.CREATE and step.changes else ""
        yield step_line(step, done=False) + size
        if step.action != Action.CREATE:
            yield from diff_lines(step.diff)


def drift_lines(plan: Plan) -> Iterator[Text]:
    """Yield a line for each difference. Problems that prevent the plan are listed separately."""
    yield from (step_line(step, done=False) for step in plan.drift if step.action not in IN_THE_WAY)


def diff_lines(diff: tuple[str, ...]) -> Iterator[Text]:
    """Yield a unified diff, indented: `-` is the cluster's version, `+` is ours."""
    for text in diff[:SHOWN_LINES]:
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(text[:1])
        yield Text("    ").append(one_line(_cut(text)), style=colour)
    if len(diff) > SHOWN_LINES:
        yield Text(f"    ... {len(diff) - SHOWN_LINES} more lines; --json shows all")


def notes(plan: Plan, *, omissions: bool = True) -> Iterator[Text]:
    """Yield what is left out and what the user should know. Problems that prevent the plan are listed separately."""
    for omission in plan.omissions if omissions else ():
        yield line("left out", f"{omission.what}: this engine does not support it; effect: {omission.cost}")
    for finding in plan.findings:
        if not finding.stops:
            yield line("note", finding.says, "yellow")


def obstacles(plan: Plan) -> Iterator[Text]:
    """Yield each problem that prevents the plan."""
    for problem in plan.in_the_way:
        yield line("in the way", problem, "red")


def summary(steps: tuple[Change, ...], *, done: bool) -> str:
    """Count the resources of each action, in the order of `Action`."""
    counts = [(action, sum(step.action == action for step in steps)) for action in Action]
    return (
        ", ".join(f"{n} {action.done if done else _will(action)}" for action, n in counts if n)
        or "this installation has no resources in the cluster"
    )


def as_data(plan: Plan, steps: tuple[Change, ...], *, done: bool) -> dict[str, Any]:
    """Return a plan or report as plain JSON values."""
    return {
        "stream": plan.stream,
        "cluster": dict(plan.facts),
        "written": done,
        "steps": [_step_data(step, done=done) for step in steps],
        "omissions": [dataclasses.asdict(omission) for omission in plan.omissions],
        "findings": [dataclasses.asdict(finding) for finding in plan.findings],
        "in_the_way": plan.in_the_way,
    }


def _step_data(step: Change, *, done: bool) -> Mapping[str, Any]:
    return {
        "kind": step.kind,
        "name": step.name,
        "action": step.action.done if done else str(step.action),
        "reason": step.reason,
        "diff": list(step.diff),
    }


def _will(action: Action) -> str:
    return str(action) if action in (Action.UNCHANGED, Action.FOREIGN, Action.NEWER, Action.BLOCKED) else f"to {action}"


def _colour(action: Action) -> str | None:
    return "red" if action in IN_THE_WAY else COLOURS.get(action)


def line(word: str, text: str, colour: str | None = None) -> Text:
    """Return one line of output: a word for the action, and a description."""
    return Text.assemble((f"{word:<{ACTION_WIDTH}}", colour or ""), f" {one_line(text)}")


def _cut(text: str, limit: int = 180) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
