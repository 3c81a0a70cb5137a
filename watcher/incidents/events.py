"""Find the incident that an id means, and the query for its alerts.

id ──▶ key, family, moment ──▶ buckets around the moment ──▶ the session that holds it ──▶ query
                                    ▲                               │
                                    └── reaches the edge: look further ◀┘
"""

from __future__ import annotations

from elasticsearch import Elasticsearch

from contract.errors import InputError, shorten
from watcher.incidents.ids import IncidentId, Text, digest_of, parse_id
from watcher.incidents.rules import ALERT, Query, Rules, all_of, within
from watcher.incidents.searching import body, buckets_of, search_all
from watcher.incidents.sessions import Bare, Session, by_time, chain, of_machine, pieces
from watcher.incidents.times import search_with_times

GAPS = 2_000
"""How many gaps each search looks further in one direction."""
MOST_ALIKE = 1_000
"""Texts with the same beginning that are compared with a digest."""
EARLIEST_MS, LATEST_MS = -(2**53), 2**53


def events_of(es: Elasticsearch, index: str, rules: Rules, incident_id: str) -> Query:
    """Return the query that matches exactly the alerts of an incident.

    Args:
        es: the cluster.
        index: where the documents are.
        rules: how alerts form incidents.
        incident_id: the id, as `page` returns it.
    Raises:
        InputError: the text is no id, or no incident holds that moment.
        EngineUnavailableError: Elasticsearch does not answer.
    """
    return all_of(find(es, index, rules, incident_id).filters(rules))


def find(es: Elasticsearch, index: str, rules: Rules, incident_id: str) -> Bare:
    """Return the incident that holds the moment of an id. Raises as `events_of` does."""
    wanted = parse_id(incident_id)
    if wanted.dataset != rules.dataset:
        raise InputError(
            f"the incident {shorten(incident_id)} is of the dataset {wanted.dataset!r}, and this is {rules.dataset!r}; "
            f"choose that one with --dataset {wanted.dataset}"
        )
    level = rules.level(wanted.key_field)
    key = _whole(es, index, wanted.key_field, wanted.key) if wanted.key_field else ""
    name = _whole(es, index, rules.name_field, wanted.name)
    if level is None or key is None or name is None:
        raise _unknown(incident_id, index)
    session = _session(es, index, rules, of_machine(rules, level, key, name), wanted)
    if session is None:
        raise _unknown(incident_id, index)
    return Bare(level, key, name, session)


def _unknown(incident_id: str, index: str) -> InputError:
    return InputError(
        f"no incident {shorten(incident_id, 200)} in {index}: no alert of that machine and family is around that time; "
        f"`oversight incidents` lists the incidents, and check --namespace and --index"
    )


def _whole(es: Elasticsearch, index: str, field: str, text: Text) -> str | None:
    """Return the whole text of an id; None if no alert has it."""
    if not text.digest:
        return text.value
    alike = {"alike": {"terms": {"field": field, "size": MOST_ALIKE}}}
    (answer,) = search_all(es, index, [body([ALERT, {"prefix": {field: {"value": text.value}}}], alike)])
    keys = (str(bucket["key"]) for bucket in buckets_of(answer, "alike"))
    return next((key for key in keys if digest_of(key) == text.digest), None)


def _session(
    es: Elasticsearch, index: str, rules: Rules, everything: list[Query], wanted: IncidentId
) -> Session | None:
    """Return the session that holds the moment; None if there is none."""
    gap, step, at = rules.gap_ms, GAPS * rules.gap_ms, wanted.at_ms
    low, high = _bounded(at - step), _bounded(at + step)
    parts = _parts(es, index, rules, everything, low, high)
    while True:
        session = next((one for one in chain(parts, gap) if one.first_ms <= at <= one.last_ms), None)
        if session is None:
            return None
        further: list[Session] = []
        if session.first_ms - gap < low > EARLIEST_MS:
            low, end = _bounded(low - step), low
            further += _parts(es, index, rules, everything, low, end)
        if session.last_ms + gap >= high < LATEST_MS:
            start, high = high, _bounded(high + step)
            further += _parts(es, index, rules, everything, start, high)
        if not further:
            return session
        parts += further


def _parts(es: Elasticsearch, index: str, rules: Rules, everything: list[Query], low: int, high: int) -> list[Session]:
    filters = [*everything, within(low, high)]
    (answer,) = search_with_times(es, index, lambda edges: [body(filters, {"times": by_time(rules.gap_ms, edges)})])
    return pieces(buckets_of(answer, "times"))


def _bounded(at_ms: int) -> int:
    return min(LATEST_MS, max(EARLIEST_MS, at_ms))
