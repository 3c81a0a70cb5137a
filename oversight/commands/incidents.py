"""`oversight incidents`: lists incidents, which are the alerts of one machine and one family close in time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click
from elasticsearch import Elasticsearch

from common.settings.shared import OversightSettings
from console.panels.time_range import parse_range
from oversight.client import cluster
from oversight.commands.sweeping import name_closed_indices
from oversight.config.settings import load_installation, option_of
from oversight.terminal import one_line, print_result
from watcher.incidents.detail import detail
from watcher.incidents.ids import iso
from watcher.incidents.incident import Incident
from watcher.incidents.markdown import as_markdown
from watcher.incidents.page import Span, page
from watcher.incidents.rules import Rules, rules_of

LONGEST = 60
"""Most characters of a machine in a line."""


@click.command()
@click.argument("incident_id", metavar="[ID]", required=False)
@click.option("--from", "start", default="now-24h", show_default=True, help="Start: now-7d, or a time in ISO 8601.")
@click.option("--to", "end", default="now", show_default=True, help="End.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="Most incidents to list.")
@option_of(OversightSettings, "namespace")
@option_of(OversightSettings, "dataset")
@option_of(OversightSettings, "index")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(
    *,
    incident_id: str | None,
    start: str,
    end: str,
    limit: int,
    namespace: str | None,
    dataset: str | None,
    index: str | None,
    as_json: bool,
) -> None:
    """List the incidents of a time range, the worst machines first. With an ID, show that incident.

    An incident is the alerts of one machine and one family without a pause of more than 15 minutes
    (OVERSIGHT_INCIDENT_GAP_MIN). The id means the incident that holds its time.

    \b
    Example:
      oversight incidents
      oversight incidents --from now-7d --json
      oversight incidents connection/source.ip=10.0.0.5/probe/2026-01-31T08:00:00.000Z
    """
    from enrich_service.model.model_file import read_contract

    shared = load_installation(namespace=namespace, dataset=dataset, index=index)
    contract = read_contract(shared.model)
    rules = rules_of(contract, dataset=shared.chosen_dataset, gap_min=shared.incident_gap_min)
    span = parse_range(start, end, now_ms=time.time_ns() // 1_000_000)
    with cluster.connect() as es:
        name_closed_indices(es, shared.documents)
        if incident_id is not None:
            found = detail(es, shared.documents, rules, incident_id)
            print_result(asdict(found), as_markdown(found).rstrip(), as_json=as_json)
            return
        listed, note = _listed(es, shared.documents, rules, Span(span.start_ms, span.end_ms), limit)
    print_result({"incidents": [_plain(one) for one in listed], "note": note}, as_text(listed, note), as_json=as_json)


def _listed(
    es: Elasticsearch, documents: str, rules: Rules, span: Span, limit: int
) -> tuple[list[Incident], str | None]:
    found: list[Incident] = []
    after: int | None = 0
    note = None
    while after is not None and len(found) < limit:
        part = page(es, documents, rules, span, after=after)
        found += part.incidents
        after, note = part.after, part.note or note
    if len(found) > limit or after is not None:
        more = f"Only the first {min(limit, len(found)):,} incidents are listed; raise --limit."
        note = f"{more} {note}" if note else more
    return found[:limit], note


def _plain(one: Incident) -> dict[str, Any]:
    return {**asdict(one), "first": iso(one.first_ms), "last": iso(one.last_ms)}


def as_text(incidents: Sequence[Incident], note: str | None) -> str:
    """Return one line per incident, and its id below."""
    lines = [] if incidents else ["no incidents in this time range"]
    for one in incidents:
        way = "against" if one.by == "target" else "from"
        who = _cut(one.key) if one.key_field else "no machine"
        judged = one.verdicts.true_positive + one.verdicts.false_positive
        other = one.other_side.n_addresses
        sides = f", {_many(other, 'source' if one.by == 'target' else 'target')}" if other else ""
        lines += [
            one_line(
                f"risk {one.risk:5.1f}  {one.family} {way} {who}  {iso(one.first_ms)} to {iso(one.last_ms)}  "
                f"{_many(one.events, 'event')}{sides}, {judged:,} judged"
            ),
            one_line(f"  {one.id}"),
        ]
    return "\n".join([*lines, *([note] if note else [])])


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
