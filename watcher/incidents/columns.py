"""What an incident shows beside its session: labels, the other side, techniques, verdicts.

Many incidents are looked up in one search, each in a bucket of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.feedback import FALSE_POSITIVE, ROOT, TRUE_POSITIVE
from contract.documents.fields import PREDICTED_LABEL
from watcher.incidents.incident import Counted, Incident, OtherSide, Technique, Verdicts
from watcher.incidents.rules import ALERT, SOURCE, TARGET, Level, Rules, all_of, within
from watcher.incidents.searching import Answer, body, search_all
from watcher.incidents.sessions import Bare

LABELS, ADDRESSES, TECHNIQUES = 5, 3, 3
PRECISION = 1_000
"""Up to this many addresses are counted exactly."""
TOGETHER = 100
"""Incidents looked up in one search; each needs at most 30 buckets."""
MANY_EVENTS = 20_000
"""An incident of so many alerts has a search of its own, because each bucket looks at all alerts of its search."""
VERDICT = f"{ROOT}.verdict"


def with_details(es: Elasticsearch, index: str, rules: Rules, incidents: Sequence[Bare]) -> list[Incident]:
    """Return the incidents with their details, in the same order.

    Raises:
        EngineUnavailableError: Elasticsearch does not answer.
    """
    groups = list(_groups(incidents))
    answers = search_all(es, index, [_search(rules, [incidents[at] for at in group]) for group in groups])
    found: dict[int, Answer] = {}
    for group, answer in zip(groups, answers, strict=True):
        buckets = ((answer.get("aggregations") or {}).get("incidents") or {}).get("buckets") or {}
        found |= {at: buckets.get(str(place)) or {} for place, at in enumerate(group)}
    return [_read(rules, one, found[at]) for at, one in enumerate(incidents)]


def _groups(incidents: Sequence[Bare]) -> Iterator[list[int]]:
    """Yield the positions of incidents that are looked up together: of one level, and none of them large."""
    waiting: dict[str, list[int]] = {}
    for at, one in enumerate(incidents):
        if one.session.events > MANY_EVENTS:
            yield [at]
            continue
        group = waiting.setdefault(one.level.field, [])
        group.append(at)
        if len(group) == TOGETHER:
            yield waiting.pop(one.level.field)
    yield from waiting.values()


def _search(rules: Rules, group: Sequence[Bare]) -> dict[str, Any]:
    filters = {str(place): all_of(one.filters(rules)) for place, one in enumerate(group)}
    level, keys = group[0].level, sorted({one.key for one in group})
    some_of = [{"terms": {level.field: keys}}] if level.field else []
    time = within(min(one.session.first_ms for one in group), max(one.session.last_ms for one in group) + 1)
    aggs = {"incidents": {"filters": {"filters": filters}, "aggs": details(level)}}
    return body([ALERT, *level.where, *some_of, time], aggs)


def details(level: Level) -> dict[str, Any]:
    """Return the aggregations of an incident's details."""
    other = SOURCE if level.by == "target" else TARGET
    return {
        "labels": _terms(PREDICTED_LABEL, LABELS),
        "addresses": _terms(other, ADDRESSES),
        "n_addresses": {"cardinality": {"field": other, "precision_threshold": PRECISION}},
        "techniques": _terms("threat.technique.id", TECHNIQUES, _terms("threat.technique.name", 1)),
        "subtechniques": _terms(
            "threat.technique.subtechnique.id", TECHNIQUES, _terms("threat.technique.subtechnique.name", 1)
        ),
        "verdicts": _terms(VERDICT, 5),
    }


def _terms(field: str, size: int, name: Mapping[str, Any] | None = None) -> dict[str, Any]:
    terms: dict[str, Any] = {"terms": {"field": field, "size": size}}
    return terms if name is None else {**terms, "aggs": {"name": name}}


def _read(rules: Rules, one: Bare, found: Answer) -> Incident:
    session, level = one.session, one.level
    judged = {each.value: each.events for each in _counted(found, "verdicts")}
    right, wrong = judged.get(TRUE_POSITIVE, 0), judged.get(FALSE_POSITIVE, 0)
    events = found.get("doc_count") or session.events
    return Incident(
        id=one.id(rules),
        dataset=rules.dataset,
        key_field=level.field,
        key=one.key,
        family=one.name,
        by=level.by,
        first_ms=session.first_ms,
        last_ms=session.last_ms,
        events=events,
        risk=session.risk,
        severity=int(session.severity),
        labels=_counted(found, "labels"),
        other_side=OtherSide(_counted(found, "addresses"), (found.get("n_addresses") or {}).get("value") or 0),
        techniques=tuple(_techniques(found)),
        verdicts=Verdicts(right, wrong, max(0, events - right - wrong)),
    )


def _counted(found: Answer, name: str) -> tuple[Counted, ...]:
    buckets = (found.get(name) or {}).get("buckets") or []
    return tuple(Counted(str(bucket["key"]), bucket["doc_count"]) for bucket in buckets)


def _techniques(found: Answer) -> Iterator[Technique]:
    """Yield the sub-techniques, and the techniques of which there is none."""
    below = list(_named(found, "subtechniques"))
    yield from below
    bases = {each.id.partition(".")[0] for each in below}
    yield from (each for each in _named(found, "techniques") if each.id not in bases)


def _named(found: Answer, name: str) -> Iterator[Technique]:
    for bucket in (found.get(name) or {}).get("buckets") or []:
        names = bucket["name"]["buckets"]
        yield Technique(str(bucket["key"]), str(names[0]["key"]) if names else "")
