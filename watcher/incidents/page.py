"""One page of incidents, found in two steps, so that no answer holds more than 10,000 buckets.

    1. machines   terms of each key field, by highest risk ──▶ the worst ones, at most 200
    2. sessions   of these machines: family, buckets of time ──▶ incidents
       details    of the incidents shown: labels, the other side, techniques, verdicts

One aggregation over all machines, families and times at once can end a node of 1 GB.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from contract.errors import InputError
from watcher.incidents.columns import with_details
from watcher.incidents.ids import iso
from watcher.incidents.incident import IncidentPage
from watcher.incidents.rules import ALERT, RISK, Level, Query, Rules, within
from watcher.incidents.searching import MOST_BUCKETS, Answer, body, buckets_of, search_all
from watcher.incidents.sessions import Bare, Session, by_time, chain, pieces
from watcher.incidents.times import Edges, search_with_times

MACHINES, INCIDENTS = 200, 100
"""Most machines of a page. A page ends after the machine with which it has so many incidents."""
OF_ONE_MACHINE = 200
"""Most incidents of one machine on a page."""
MOST_MACHINES = MOST_BUCKETS - MACHINES
"""Machines beyond these are not listed."""
BUCKETS_OF_A_PAGE = 20 * MOST_BUCKETS
"""A page has fewer machines if their sessions would need more buckets."""
MOST_NAMES = 100
"""Most families of one machine."""
MOST_GAPS = 100_000
"""The longest time range that is searched, in gaps; almost three years with the usual gap."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time range `[start_ms, end_ms)`."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine or target with alerts in the time range."""

    level: Level
    key: str
    risk: float
    events: int


def page(
    es: Elasticsearch, index: str, rules: Rules, time: Span, filters: Sequence[Query] = (), after: int = 0
) -> IncidentPage:
    """Return the incidents of a time range, those of the worst machines first.

    An incident at an edge of the range is followed one gap further, so that its first and last alerts are right.

    Args:
        es: the cluster.
        index: where the documents are.
        rules: how alerts form incidents.
        time: an incident is listed if it has an alert in this range.
        filters: further conditions on the alerts.
        after: `IncidentPage.after` of the page before; 0 for the first page.
    Raises:
        InputError: `after` is not the end of a page.
        EngineUnavailableError: Elasticsearch does not answer.
    """
    if not 0 <= after < MOST_MACHINES:
        raise InputError(f"`after` is {after}, expected 0 to {MOST_MACHINES - 1}, as the page before returns it")
    span, notes = _bounded(time, rules.gap_ms)
    machines = _machines(es, index, rules, span, filters, after)
    chosen = list(_affordable(machines[:MACHINES], rules, span))
    found = _sessions(es, index, rules, span, filters, chosen)
    shown: list[Bare] = []
    done = left_out = 0
    for machine in chosen:
        done += 1
        of_machine = sorted(found[machine.level.field, machine.key], key=_worst_first)
        left_out += max(0, len(of_machine) - OF_ONE_MACHINE)
        shown += of_machine[:OF_ONE_MACHINE]
        if len(shown) >= INCIDENTS:
            break
    if left_out:
        notes.append(f"{left_out:,} incidents of machines with more than {OF_ONE_MACHINE} are not listed.")
    reached: int | None = after + done if done < len(machines) else None
    if reached is not None and reached >= MOST_MACHINES:
        notes.append(f"Only the {MOST_MACHINES:,} worst machines are listed.")
        reached = None
    incidents = with_details(es, index, rules, sorted(shown, key=_worst_first))
    note = f"{' '.join(notes)} Choose a shorter time range or a filter." if notes else None
    return IncidentPage(tuple(incidents), reached, done, note)


def _worst_first(one: Bare) -> tuple[float, float, int]:
    return -one.session.risk, -one.session.severity, -one.session.last_ms


def _bounded(time: Span, gap_ms: int) -> tuple[Span, list[str]]:
    start = time.end_ms - MOST_GAPS * gap_ms
    if time.start_ms >= start:
        return time, []
    return Span(start, time.end_ms), [f"Only incidents from {iso(start)} on are listed."]


def _machines(
    es: Elasticsearch, index: str, rules: Rules, span: Span, filters: Sequence[Query], after: int
) -> list[Machine]:
    """Return the machines of a page, worst first, and one more if there are more."""
    wanted = min(after + MACHINES + 1, MOST_MACHINES + 1)
    risk = {"risk": {"max": {"field": RISK}}}
    order = [{"risk": "desc"}, {"_key": "asc"}]
    bodies = [
        body(
            [ALERT, *filters, *level.where, within(span.start_ms, span.end_ms)],
            {"machines": {"terms": {"field": level.field, "size": wanted, "order": order}, "aggs": risk}}
            if level.field
            else risk,
            track_total_hits=not level.field,
        )
        for level in rules.levels
    ]
    answers = search_all(es, index, bodies)
    found = [machine for level, answer in zip(rules.levels, answers, strict=True) for machine in _read(level, answer)]
    return sorted(found, key=lambda one: (-one.risk, one.level.field, one.key))[after:wanted]


def _read(level: Level, answer: Answer) -> Iterator[Machine]:
    if level.field:
        for bucket in buckets_of(answer, "machines"):
            yield Machine(level, str(bucket["key"]), bucket["risk"]["value"] or 0.0, bucket["doc_count"])
        return
    events = ((answer.get("hits") or {}).get("total") or {}).get("value", 0)
    if events:
        yield Machine(level, "", answer["aggregations"]["risk"]["value"] or 0.0, events)


def _affordable(machines: Iterable[Machine], rules: Rules, span: Span) -> Iterator[Machine]:
    """Yield machines until their sessions need too many buckets, and at least one."""
    cost = 0
    for machine in machines:
        cost += _cost(machine, rules, span)
        if cost > BUCKETS_OF_A_PAGE and cost != _cost(machine, rules, span):
            return
        yield machine


def _cost(machine: Machine, rules: Rules, span: Span) -> int:
    """Return the most buckets that the sessions of a machine can need. The search is wider by a gap on each side."""
    gaps = (span.end_ms - span.start_ms) // rules.gap_ms + 4
    return 1 + 4 * rules.most_names + min(machine.events, gaps * rules.most_names)


@dataclass(frozen=True, slots=True)
class _Pack:
    """Machines of one level whose sessions one search finds, in this part of the time range."""

    level: Level
    keys: tuple[str, ...]
    span: Span


def _sessions(
    es: Elasticsearch, index: str, rules: Rules, span: Span, filters: Sequence[Query], machines: Sequence[Machine]
) -> dict[tuple[str, str], list[Bare]]:
    """Return the sessions that touch the time range, by key field and key of their machine."""
    wide = Span(span.start_ms - rules.gap_ms, span.end_ms + rules.gap_ms)
    packs = [pack for level in rules.levels for pack in _packs(level, machines, rules, wide)]
    answers = search_with_times(es, index, lambda edges: [_search(pack, rules, filters, edges) for pack in packs])
    parts: dict[tuple[str, str, str], list[Session]] = defaultdict(list)
    for pack, answer in zip(packs, answers, strict=True):
        named = (
            [(str(one["key"]), one["names"]["buckets"]) for one in buckets_of(answer, "machines")]
            if pack.level.field
            else [("", buckets_of(answer, "names"))]
        )
        for key, names in named:
            for name in names:
                parts[pack.level.field, key, str(name["key"])] += pieces(name["times"]["buckets"])
    incidents: dict[tuple[str, str], list[Bare]] = defaultdict(list)
    by_field: dict[str, Level] = {level.field: level for level in rules.levels}
    for (field, key, name), some in parts.items():
        for session in chain(some, rules.gap_ms):
            if session.first_ms < span.end_ms and session.last_ms >= span.start_ms:
                incidents[field, key].append(Bare(by_field[field], key, name, session))
    return incidents


def _packs(level: Level, machines: Sequence[Machine], rules: Rules, wide: Span) -> Iterator[_Pack]:
    """Yield the machines of a level in packs that need at most 10,000 buckets."""
    keys: list[str] = []
    cost = 0
    for machine in machines:
        if machine.level != level:
            continue
        own = _cost(machine, rules, wide)
        if own > MOST_BUCKETS:
            yield from (_Pack(level, (machine.key,), part) for part in _parts_of(wide, rules))
            continue
        if cost + own > MOST_BUCKETS:
            yield _Pack(level, tuple(keys), wide)
            keys, cost = [], 0
        keys.append(machine.key)
        cost += own
    if keys:
        yield _Pack(level, tuple(keys), wide)


def _parts_of(wide: Span, rules: Rules) -> Iterator[Span]:
    """Cut a time range so that no part of one machine needs more than 10,000 buckets."""
    width = (MOST_BUCKETS // rules.most_names - 8) * rules.gap_ms
    for start in range(wide.start_ms, wide.end_ms, width):
        yield Span(start, min(start + width, wide.end_ms))


def _search(pack: _Pack, rules: Rules, filters: Sequence[Query], edges: Edges) -> dict[str, Any]:
    """Return the search for the buckets of time of some machines, by family."""
    level, keys = pack.level, list(pack.keys)
    names = {
        "names": {
            "terms": {"field": rules.name_field, "size": MOST_NAMES, "missing": ""},
            "aggs": {"times": by_time(rules.gap_ms, edges)},
        }
    }
    everything = [ALERT, *filters, *level.where, within(pack.span.start_ms, pack.span.end_ms)]
    if not level.field:
        return body(everything, names)
    machines = {"terms": {"field": level.field, "size": len(keys), "include": keys}, "aggs": names}
    return body([*everything, {"terms": {level.field: keys}}], {"machines": machines})
