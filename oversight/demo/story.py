"""What the demo tells at its end: the worst incidents, a verdict on one alert, and one unknown event explained.

stored alerts ──▶ incidents ──▶ table
worst alert   ──▶ verdict   ──▶ the same document, with oversight.feedback
unknown event ──▶ in words
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch
from rich.table import Table
from rich.text import Text

from contract.artifact.contract import ModelContract
from contract.documents.feedback import TRUE_POSITIVE
from contract.kdd99.columns import UNKNOWN_LABEL
from watcher.incidents.incident import Incident
from watcher.incidents.page import Span, page
from watcher.incidents.rules import ALERT, rules_of
from watcher.verdicts.feedback import Verdict
from watcher.verdicts.judge import judge

AROUND_MS = 6 * 3_600_000
"""How far around now the demo looks for its incidents. All of the simulator's traffic is in it."""
MOST_INCIDENTS = 8
BY = "demo"
Hit = Mapping[str, Any]


def worst_incidents(es: Elasticsearch, stream: str, contract: ModelContract, *, now: datetime) -> Sequence[Incident]:
    """Return the worst incidents of the demo, worst first."""
    now_ms = int(now.timestamp() * 1000)
    span = Span(now_ms - AROUND_MS, now_ms + AROUND_MS)
    return page(es, stream, rules_of(contract), span).incidents[:MOST_INCIDENTS]


def incident_table(incidents: Sequence[Incident]) -> Table:
    """Return one row per incident: what, which machine, how many alerts, and when."""
    table = Table("incident", box=None, header_style="bold", title="Incidents, worst first", title_justify="left")
    table.add_column("by or against")
    table.add_column("alerts", justify="right")
    table.add_column("risk", justify="right")
    table.add_column("other side")
    table.add_column("since", no_wrap=True)
    for one in incidents:
        labels = ", ".join(label.value for label in one.labels[:2])
        row = (f"{one.family}: {labels}", one.key, f"{one.events:,}", f"{one.risk:.0f}", _other_side(one))
        table.add_row(*map(Text, row), f"{datetime.fromtimestamp(one.first_ms / 1000, UTC):%H:%M:%S}")
    return table


def _other_side(one: Incident) -> str:
    """Return the address that most alerts name, and how many more there are."""
    side = one.other_side
    if not side.addresses:
        return ""
    return f"{side.addresses[0].value} +{side.n_addresses - 1:,}" if side.n_addresses > 1 else side.addresses[0].value


def worst_alert(es: Elasticsearch, stream: str) -> Hit | None:
    """Return the alert of the highest risk, the newest of several; None if there is no alert."""
    order = [{"event.risk_score": "desc"}, {"@timestamp": "desc"}]
    hits = es.search(index=stream, query=ALERT, sort=order, size=1, source=False)["hits"]["hits"]
    return hits[0] if hits else None


def judged(es: Elasticsearch, stream: str, contract: ModelContract, alert: Hit) -> dict[str, Any]:
    """Record a verdict on an alert, as an analyst would. Return the document without the names of its columns."""
    verdict = Verdict(TRUE_POSITIVE, BY, comment="an example of a verdict, given by the demo")
    judge(es, stream, alert["_id"], verdict, labels=contract.labels)
    found = es.get(index=alert["_index"], id=alert["_id"], source_excludes=["csv"])
    return {name: found[name] for name in ("_index", "_id", "_source")}


def unknown_event(es: Elasticsearch, stream: str) -> Hit | None:
    """Return the event that is most unlike training and that no label fits; None if there is none."""
    query = {"term": {"oversight.prediction.label": UNKNOWN_LABEL}}
    order = [{"oversight.prediction.novelty": "desc"}, {"@timestamp": "desc"}]
    hits = es.search(index=stream, query=query, sort=order, size=1)["hits"]["hits"]
    return hits[0] if hits else None


def unknown_in_words(event: Hit, threshold: float) -> str:
    """Explain an unknown event to someone who sees the first one."""
    source = event["_source"]
    prediction = source["oversight"]["prediction"]
    ends = [source.get(end, {}).get("ip", "unknown address") for end in ("source", "destination")]
    reasons = "".join(f"\n  - {reason}" for reason in prediction.get("reasons", ()))
    return (
        f"One unknown event, explained: {ends[0]} to {ends[1]}\n"
        f"  The likeliest label is {prediction['closest']}, but the event is unlike the training rows: its novelty is "
        f"{prediction['novelty']:.2f},\n  and above {threshold:.2f} Oversight does not call an event harmless. It does "
        f"not alert either: look at it when there is time.{reasons}\n"
        "  `unknown: true` beside the label of an attack means: this attack looks other than those in training."
    )
