"""One incident as Markdown, for a ticket. Every value of a document is in a code span, so none of it acts as markup."""

from __future__ import annotations

from collections.abc import Iterator

from common.visible_text import visible
from watcher.incidents.detail import Detail
from watcher.incidents.ids import iso
from watcher.incidents.incident import Counted, Incident

LONGEST = 200
"""Most characters of a value."""
REASONS, OTHERS = 10, 10
NO_MACHINE = "no machine"


def as_markdown(detail: Detail, *, link: str | None = None) -> str:
    """Return an incident as Markdown.

    Args:
        detail: the incident.
        link: where a person can open it; None: nowhere.
    """
    return "\n".join(_lines(detail, link)) + "\n"


def _lines(detail: Detail, link: str | None) -> Iterator[str]:
    one = detail.incident
    yield f"## {code(one.family or 'alerts')} {'against' if one.by == 'target' else 'from'} {who(one)}"
    yield ""
    yield f"- Time: {iso(one.first_ms)} to {iso(one.last_ms)}"
    yield f"- Events: {one.events:,} ({_listed(one.labels)})"
    yield f"- Highest risk: {one.risk:.1f} of 100, severity {one.severity}"
    other = one.other_side
    if other.n_addresses:
        title = "Sources" if one.by == "target" else "Targets"
        yield f"- {title}: {other.n_addresses:,} ({_listed(other.addresses)})"
    if one.techniques:
        yield f"- ATT&CK: {', '.join(code(f'{each.id} {each.name}'.strip()) for each in one.techniques)}"
    verdicts = one.verdicts
    yield (
        f"- Verdicts: {verdicts.true_positive:,} true positive, {verdicts.false_positive:,} false positive, "
        f"{verdicts.open:,} open"
    )
    yield f"- Id: {code(one.id)}"
    if link is not None:
        yield f"- Link: <{link}>"
    yield from _section("What it is", [f"{code(each.label)}: {each.text}" for each in detail.meanings])
    yield from _section("Reasons", [f"{code(each.value)}: {each.events:,}" for each in detail.reasons[:REASONS]])
    others = [
        f"{code(each.label)}: {each.events:,}, of them alerts: {each.alerts:,}"
        for each in (detail.around or ())[:OTHERS]
    ]
    yield from _section("Within an hour before and after", others)


def _section(title: str, items: list[str]) -> Iterator[str]:
    if items:
        yield from ("", f"### {title}", "", *(f"- {item}" for item in items))


def _listed(values: tuple[Counted, ...]) -> str:
    return ", ".join(f"{code(each.value)} {each.events:,}" for each in values)


def who(incident: Incident) -> str:
    """Return the machine or target of an incident, as a code span."""
    return code(incident.key or "(empty)") if incident.key_field else NO_MACHINE


def code(value: str) -> str:
    """Return a value as a code span, in which Markdown and HTML mean nothing."""
    text = visible(value[: LONGEST + 1]).replace("`", "'").strip() or "(empty)"
    return f"`{text if len(text) <= LONGEST else text[:LONGEST] + '…'}`"
