"""Sample documents that look as if the pipeline and the watcher had processed them, spread over a time range.

    rows of the simulator, repeated ──▶ the row's true label, random numbers ──▶ whole documents ──▶ bulk request
                                                                                (without any pipeline)

The words are those of the shipped model, the numbers are random. Use the documents to look at pages and to measure
searches; they do not show how good the model is. Some documents are pending or failed, or have an analyst's verdict or
warnings. On request some contain hostile values, as an attacker could write them into a log.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import parallel_bulk

from contract.documents import heartbeats
from contract.documents.fields import ECS_VERSION, ENRICHED, FAILED, PENDING
from contract.documents.top_labels import as_word
from contract.kdd99.attacks import ATTACKS, technique
from contract.kdd99.columns import COLUMNS, LABELS, UNKNOWN_LABEL, field_of
from sensor.simulation import Record, simulate

Document = dict[str, Any]

MODEL = {"id": "kdd99-mlp", "version": "4324a78c35e4"}
BASE_ROWS = 3_000
"""Rows of the simulator; if there are more documents, the rows repeat at other times."""
SEVERITY = {label.name: label.severity for label in LABELS}
FAMILY = {label.name: label.family for label in LABELS}
TECHNIQUE = {attack.label: attack.technique_id for attack in ATTACKS if attack.technique_id is not None}
REASONS = (
    "serror_rate is 1; 95 % of normal connections have at most 0.01",
    "count is 511; half of normal connections have at most 7",
    "service is ecr_i; fewer than 1 % of normal connections have it, 64 % have http",
    "same_srv_rate is 0.02; at least 90 % of normal connections have 1",
    "dst_host_count is 255; half of normal connections have at most 78",
    "root_shell is 1; at least 90 % of normal connections have 0",
    "num_failed_logins is 1; at least 90 % of normal connections have 0",
)
FAILURES = (
    ("column_count", "the line has 40 columns, expected 41 or 42; correct the sensor's output", "split-row"),
    ("not_a_number", "column 5 (src_bytes) is 'x', expected a number; correct it at the source", "features"),
    ("missing_feature", "field 'kdd99.hot' is missing and model 'kdd99-mlp' needs it", None),
)
HOSTILE = (
    "<script>window.hurt=1</script>",
    '"><img src=x onerror="window.hurt=1">',
    "x" * 10_000,
    "משתמש-אבטחה",
    "\u202egpj.exe",
    "javascript:window.hurt=1",
    "{{7*7}} ${7*7} %s %n",
    "line\nend\ttab \x00 nul",
)
"""Values that an attacker may put into a field that a page shows."""


def documents(n: int, *, end: datetime, hours: float, seed: int = 1, hostile: bool = False) -> Iterator[Document]:
    """Documents in the order of their times, the last one at `end`.

    Args:
        n: number of documents.
        end: time of the last document, with a time zone.
        hours: time between the first document and the last.
        seed: the same seed gives the same documents.
        hostile: add values that a page must neither run nor be broken by.
    """
    rows = list(simulate(seed=seed, start=end, events=min(max(n, 200), BASE_ROWS)))
    chance = random.Random(seed)  # noqa: S311  made-up numbers, no secret
    for number in range(n):
        happened = end - timedelta(hours=hours * (n - 1 - number) / max(1, n - 1))
        document = _document(rows[number % len(rows)], happened, chance, late=number > n - n // 200)
        yield _spoiled(document, number, n) if hostile and number % max(1, n // 60) == 0 else document


def _document(row: Record, happened: datetime, chance: random.Random, *, late: bool) -> Document:
    arrived = happened + timedelta(seconds=chance.uniform(0, 2))
    document: Document = {
        "@timestamp": _iso(happened),
        "ecs": {"version": ECS_VERSION},
        "event": {
            "kind": "event",
            "category": ["network"],
            "type": ["connection"],
            "module": "oversight",
            "dataset": "oversight.connection",
            "original": row.csv_line(addresses=True),
            "ingested": _iso(arrived),
            "duration": int(float(row.columns[0]) * 1e9),
        },
        "user": {"id": row.user},
        "host": {"name": f"gate-{row.user[0]}"},
        "observer": {"name": f"sensor-{row.user[0]}"},
        "source": {**_side(*row.addresses[:2]), "bytes": int(float(row.columns[4]))},
        "destination": {**_side(*row.addresses[2:]), "bytes": int(float(row.columns[5]))},
        "network": {"transport": row.columns[1], "protocol": row.columns[2]},
        "kdd99": {field_of(name).split(".")[1]: value for name, value in zip(COLUMNS, row.columns, strict=True)},
        "oversight": {"status": ENRICHED, "model": MODEL},
    }
    if late:
        document["oversight"] = {"status": PENDING}
        return document
    if chance.random() < 0.008:
        return _failed(document, chance)
    return _predicted(document, row.label, arrived, chance)


def _side(address: str, port: str) -> Document:
    return {"ip": address, "port": int(port)} if port else {"ip": address}


def _failed(document: Document, chance: random.Random) -> Document:
    code, message, processor = chance.choice(FAILURES)
    failure = {"field": "kdd99.hot"} if processor is None else {"pipeline": "oversight-csv", "processor": processor}
    document["oversight"] = {"status": FAILED, "failure": failure}
    document["error"] = {"type": code, "message": message}
    if processor is not None:
        del document["kdd99"]
        document["event"]["kind"] = "pipeline_error"
    return document


def _predicted(document: Document, truth: str, arrived: datetime, chance: random.Random) -> Document:
    delay_s = round(min(900.0, chance.lognormvariate(0.4, 0.9)), 3)
    at = arrived + timedelta(seconds=delay_s)
    unknown = truth == "normal" and chance.random() < 0.04
    label = UNKNOWN_LABEL if unknown else truth
    family = chance.choice(("probe", "dos", "r2l")) if unknown else FAMILY[truth]
    probability = round(chance.uniform(0.35, 0.5) if unknown else 1 - chance.betavariate(1, 9), 6)
    severity = 47 if unknown else SEVERITY[truth]
    rest = [name for name in chance.sample(sorted(SEVERITY), 4) if name != truth][:2]
    document["event"] |= {"severity": severity, "risk_score": round(severity * probability, 2)}
    document["oversight"]["prediction"] = {
        "label": label,
        "closest": truth,
        "family": family,
        "probability": probability,
        "unknown": unknown,
        "novelty": round(chance.uniform(0.93, 1) if unknown else chance.betavariate(2, 5), 6),
        "at": _iso(at),
        "delay_s": delay_s,
        "top": [
            as_word(name, share)
            for name, share in zip(
                (truth, *rest), (probability, (1 - probability) * 0.7, (1 - probability) * 0.2), strict=True
            )
        ],
    }
    prediction = document["oversight"]["prediction"]
    if chance.random() < 0.03:
        prediction["warnings"] = [chance.choice(("out_of_range:kdd99.src_bytes", "unseen_category:kdd99.service"))]
    if severity:
        prediction["reasons"] = chance.sample(REASONS, 3)
    return document if label in ("normal", UNKNOWN_LABEL) else _alert(document, label, at, chance)


def _alert(document: Document, label: str, at: datetime, chance: random.Random) -> Document:
    document["event"] |= {"kind": "alert", "category": ["network", "intrusion_detection"]}
    document["rule"] = {"name": label, "category": FAMILY[label], "ruleset": "oversight"}
    if label in TECHNIQUE:
        found = technique(TECHNIQUE[label])
        threat: Document = {"id": found.id, "name": found.name, "reference": found.reference}
        if found.sub_id is not None:
            threat["subtechnique"] = {"id": found.sub_id, "name": found.sub_name, "reference": found.sub_reference}
        tactic = found.tactic
        document["threat"] = {
            "framework": "MITRE ATT&CK",
            "technique": threat,
            "tactic": {"id": tactic.id, "name": tactic.name, "reference": tactic.reference},
        }
    if chance.random() < 0.05:
        right = chance.random() < 0.8
        document["oversight"]["feedback"] = {
            "verdict": "true_positive" if right else "false_positive",
            "comment": "seen at the firewall too" if right else "the backup at night",
            "by": chance.choice(("ana", "ben")),
            "at": _iso(at + timedelta(minutes=chance.randrange(1, 90))),
        }
    return document


def _spoiled(document: Document, number: int, n: int) -> Document:
    """The same document with a hostile value; every ninth one has almost no fields."""
    turn = number // max(1, n // 60) % (len(HOSTILE) + 1)
    if turn == len(HOSTILE):
        return {"@timestamp": document["@timestamp"], "event": {"ingested": document["event"]["ingested"]}}
    value = HOSTILE[turn]
    document["user"] = {"id": value}
    document["event"]["original"] = value
    prediction = document["oversight"].get("prediction")
    if prediction is not None:
        prediction |= {"label": value, "reasons": [value, value], "warnings": [f"unseen_category:{value[:100]}"]}
        prediction["top"] = [as_word(value, 0.5)]
    if "threat" in document:
        document["threat"]["technique"]["reference"] = "javascript:window.hurt=1"
        document["threat"]["technique"]["name"] = value
    if "error" in document:
        document["error"]["message"] = value
    return document


def heartbeat(now: datetime, *, pid: int = 4242, pending: int = 0) -> Document:
    """The latest heartbeat of a running watcher."""
    return {
        "@timestamp": _iso(now),
        "event": {"kind": "state", "module": "oversight", "dataset": heartbeats.DATASET},
        "host": {"name": "soc-1"},
        "process": {"pid": pid},
        "service": {"name": heartbeats.SERVICE},
        "oversight": {"model": MODEL},
        "watcher": {
            "id": f"soc-1-{pid}",
            "started": _iso(now - timedelta(hours=7)),
            "interval_s": 3600.0,
            "state": heartbeats.IDLE,
            "breaker": heartbeats.CLOSED,
            "rate_per_s": 41.5,
            "pending": pending,
            "documents": {"enriched": 120_000},
        },
    }


def load(es: Elasticsearch, made: Iterator[Document], index: str, *, threads: int = 1) -> int:
    """Write documents with their predictions into an existing stream or index; returns how many.

    This switches the final pipeline off for good, because it would treat them as new documents.
    """
    es.indices.put_settings(index=index, settings={"index.final_pipeline": "_none"})

    def actions() -> Iterator[Document]:
        for number, document in enumerate(made):
            doc_id = hashlib.sha256(f"{index} {number}".encode()).hexdigest()
            yield {"_op_type": "create", "_index": index, "_id": doc_id, "pipeline": "_none", "_source": document}

    sent = parallel_bulk(es, actions(), thread_count=threads, chunk_size=1_000, max_chunk_bytes=20_000_000)
    written = sum(ok for ok, _ in sent)
    es.indices.refresh(index=index)
    return written


def beat(es: Elasticsearch, namespace: str, document: Document) -> None:
    """Write a heartbeat."""
    index = heartbeats.heartbeat_index(namespace)
    es.index(index=index, id=document["watcher"]["id"], document=document, refresh=True)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
