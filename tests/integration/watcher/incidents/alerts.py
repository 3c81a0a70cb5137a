"""Alerts of many machines, and a plain implementation of incidents to compare with."""

from __future__ import annotations

import contextlib
import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk

from contract.documents.fields import FIELDS, properties
from contract.documents.paths import lookup_clear
from tests.waiting import WAIT_S
from watcher.incidents.ids import iso
from watcher.incidents.incident import Incident
from watcher.incidents.page import Span, page
from watcher.incidents.rules import MACHINE_FIELDS, MINUTE_MS, TARGET, Rules

Document = dict[str, Any]
START_MS = 1_769_846_400_000
"""2026-01-31T08:00:00Z."""
HOUR_MS = 60 * MINUTE_MS


def alert(at_ms: int, *, family: str = "probe", risk: float = 40.0, label: str = "nmap", **more: Any) -> Document:
    """One alert; `more` are fields such as `source={"ip": ...}`."""
    prediction = {"label": label, "family": family}
    event = {"kind": "alert", "severity": 73, "risk_score": risk}
    return {"@timestamp": at_ms, "event": event, "oversight": {"status": "enriched", "prediction": prediction}, **more}


def some_alerts(seed: int, n: int = 1_500) -> list[Document]:
    """Alerts of all key fields; of the family `dos` each has another source."""
    chance = random.Random(seed)
    return [_one(chance) for _ in range(n)]


def _one(chance: random.Random) -> Document:
    family = chance.choice(("probe", "dos", "r2l"))
    at = START_MS + int(chance.random() ** 2 * 24 * HOUR_MS)
    document = alert(at, family=family, risk=round(chance.uniform(1, 99), 1), label=chance.choice(("nmap", "satan")))
    target = {"destination": {"ip": f"10.1.0.{chance.randrange(3)}"}}
    source = {
        "source": {"ip": f"10.{chance.randrange(99)}.0.9" if family == "dos" else f"10.0.0.{chance.randrange(5)}"}
    }
    keys: Sequence[Mapping[str, Any]] = (
        {**source, **target},
        {**source, **target},
        source,
        {"user": {"id": chance.choice(("ana", "ben/../x", "\u202egpj <b>", "ü" * 500, "v" * 8_000))}},
        {"host": {"name": "web-1"}, **(target if family == "dos" else {})},
        {"observer": {"name": "~tap=1%"}},
        {},
    )
    return {**document, **chance.choice(keys)}


def expected(documents: Sequence[Document], rules: Rules) -> set[tuple[str, str, str, int, int, int, float]]:
    """Return each incident: key field, key, family, first, last, number of alerts, highest risk."""
    groups: dict[tuple[str, str, str], list[Document]] = {}
    for document in documents:
        groups.setdefault(_key(document, rules), []).append(document)
    found = set()
    for key, members in groups.items():
        members.sort(key=lambda one: one["@timestamp"])
        begin = 0
        for at in range(1, len(members) + 1):
            if at == len(members) or members[at]["@timestamp"] - members[at - 1]["@timestamp"] > rules.gap_ms:
                some = members[begin:at]
                risk = max(one["event"]["risk_score"] for one in some)
                found.add((*key, some[0]["@timestamp"], some[-1]["@timestamp"], len(some), risk))
                begin = at
    return found


def _key(document: Document, rules: Rules) -> tuple[str, str, str]:
    family = document["oversight"]["prediction"]["family"]
    fields = (TARGET, *MACHINE_FIELDS) if family in rules.targets else MACHINE_FIELDS
    field = next((one for one in fields if lookup_clear(document, one)), "")
    return field, str(lookup_clear(document, field)) if field else "", family


@contextlib.contextmanager
def stored(url: str, documents: Sequence[Document]) -> Iterator[tuple[Elasticsearch, str]]:
    """The alerts in an index of their own, with times as text, which is how pipelines store them."""
    index = f"incidents-test-{uuid.uuid4().hex[:12]}"
    with Elasticsearch(url, request_timeout=WAIT_S) as es:
        try:
            es.indices.create(
                index=index,
                mappings={"dynamic": False, "properties": properties(FIELDS)},
                settings={"number_of_shards": 1, "number_of_replicas": 0},
            )
            texts = ({**one, "@timestamp": iso(one["@timestamp"])} for one in documents)
            bulk(es, ({"_index": index, "_id": str(at), "_source": one} for at, one in enumerate(texts)))
            es.indices.refresh(index=index)
            yield es, index
        finally:
            es.options(ignore_status=404).indices.delete(index=index)


def incidents_of(es: Elasticsearch, index: str, rules: Rules, span: Span) -> list[Incident]:
    """Return the incidents of all pages."""
    found: list[Incident] = []
    after: int | None = 0
    while after is not None:
        part = page(es, index, rules, span, after=after)
        found += part.incidents
        after = part.after
    return found
