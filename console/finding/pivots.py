"""Ways from one event to its neighbours: the same machine, user or label, and 15 minutes on either side.

Each is a set of arguments for the page of events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from console.events.safe_text import label as short
from console.finding.values import network_of
from contract.artifact.contract import ModelContract
from contract.documents.paths import lookup_clear, lookup_text
from kibana.panels.declarations import ARRIVALS
from kibana.panels.model_view import DESTINATION, LABEL, SOURCE
from kibana.panels.words import who_of

AROUND_MS = 15 * 60 * 1000
LONGEST = 500
"""Longest value that fits into a URL with the other arguments."""


def pivots(source: Mapping[str, Any], contract: ModelContract) -> list[dict[str, Any]]:
    """Return title and arguments of each way that this event has."""
    return [{"title": title, "arguments": arguments} for title, arguments in _pivots(source, contract)]


def _pivots(source: Mapping[str, Any], contract: ModelContract) -> Iterator[tuple[str, dict[str, str]]]:
    for title, field in (("Source", SOURCE), ("Destination", DESTINATION)):
        address = network_of(lookup_text(source, field) or "")
        if address is not None and "/" not in address:
            yield f"{title} {address}", {"q": f"source: {address} or destination: {address}"}
    who = who_of(contract)
    values = [(who.title, who.id, who.field), ("Label", "label", LABEL)]
    if who.field != "host.name":
        values.insert(0, ("Host", "host", "host.name"))
    for title, control, field in values:
        value = lookup_text(source, field)
        if value and len(value) <= LONGEST and not any("\ud800" <= letter <= "\udfff" for letter in value):
            yield f"{title} {short(value)}", {control: value}
    around = _milliseconds(lookup_clear(source, ARRIVALS.time_field))
    if around is not None:
        yield "15 minutes around", {"from": str(around - AROUND_MS), "to": str(around + AROUND_MS)}


def _milliseconds(value: Any) -> int | None:
    try:
        return round(datetime.fromisoformat(value).timestamp() * 1000) if isinstance(value, str) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None
