"""What a panel should show, computed from the documents in memory, without engine and query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from console.panels.rows import Row
from console.panels.scope import Scope
from contract.documents.paths import lookup_clear
from kibana.panels.conditions import All, AnyOf, Begins, Between, Exists, Is, Not, Where
from kibana.panels.declarations import Cases, Panel, Terms, Times

Document = Mapping[str, Any]


def holds(where: Where | None, document: Document) -> bool:
    """Whether a condition holds for a document."""
    match where:
        case None:
            return True
        case Is(field, _):
            return any(value in where.values for value in values(document, field))
        case Exists(field):
            return bool(values(document, field))
        case Between(field, low, high):
            found = [value for value in values(document, field) if isinstance(value, int | float)]
            return any((low is None or value >= low) and (high is None or value < high) for value in found)
        case Begins(field, text):
            return any(str(value).startswith(text) for value in values(document, field))
        case Not(part):
            return not holds(part, document)
        case All(parts):
            return all(holds(part, document) for part in parts)
        case AnyOf(parts):
            return any(holds(part, document) for part in parts)


def values(document: Document, field: str) -> list[Any]:
    """The values of a field as an index stores them: each item of a list; null is no value."""
    value = lookup_clear(document, field)
    return [one for one in (value if isinstance(value, list) else [value]) if one is not None]


def within(panel: Panel, scope: Scope, document: Document) -> bool:
    """Whether a document belongs to a panel."""
    moment = values(document, panel.time_field)
    if not moment:
        return False
    ms = datetime.fromisoformat(moment[0]).timestamp() * 1000
    picked = all(any(value in chosen for value in values(document, field)) for field, chosen in scope.picked.items())
    return scope.time.start_ms <= ms < scope.time.end_ms and picked and holds(panel.where, document)


def counted(panel: Panel, scope: Scope, documents: tuple[Document, ...]) -> Counter[tuple[str, ...]]:
    """Number of documents by the values of a panel's breakdowns, without time; one empty key if there are none."""
    found: Counter[tuple[str, ...]] = Counter()
    for document in documents:
        if within(panel, scope, document):
            found.update(_places(panel, document))
    return found


def distinct(panel: Panel, scope: Scope, documents: tuple[Document, ...], field: str) -> int:
    """Number of different values of a field in a panel's documents."""
    return len({value for each in documents if within(panel, scope, each) for value in values(each, field)})


def _places(panel: Panel, document: Document) -> list[tuple[str, ...]]:
    places: list[tuple[str, ...]] = [()]
    for each in panel.by:
        if isinstance(each, Terms):
            keys = [str(value) for value in values(document, each.field)]
            keys = keys or ([] if each.missing is None else [each.missing])
        elif isinstance(each, Cases):
            keys = [case.title for case in each.cases if holds(case.where, document)]
        else:
            continue
        places = [(*place, key) for place in places for key in keys]
    return places


def shown(panel: Panel, rows: list[Row]) -> Counter[tuple[str, ...]]:
    """The counts in a panel's rows, in the same form."""
    found: Counter[tuple[str, ...]] = Counter()
    over_time = bool(panel.by) and isinstance(panel.by[0], Times)
    for row in rows:
        found[tuple(str(key) for key in row.keys[1 if over_time else 0 :])] += int(row.values[0] or 0)
    return +found
