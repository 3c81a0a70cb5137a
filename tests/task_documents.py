"""A contract for each task, and stored documents as if pipeline, service and watcher had processed them.

TASKS ──▶ contract ──▶ random numbers from a seed ──▶ stored documents
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from contract.artifact.contract import EventWords, Feature, Label, ModelContract, ScoreOutput, ValueOutput
from contract.documents.fields import ECS_VERSION, ENRICHED, FAILED, PENDING
from contract.documents.top_labels import as_word

Document = dict[str, Any]
TWO = (Label("within_bounds", "normal", 0), Label("out_of_bounds", "out_of_bounds", 50))
BENIGN = (Label("benign", "benign", 0), Label("malignant", "malignant", 99, threshold=0.4))
TUMOUR = ModelContract(
    name="tumour",
    dataset="tumour",
    event=EventWords((), ("info",), (), ("indicator",)),
    features=(
        Feature("radius", "tumour.radius", "float", minimum=6.0, maximum=29.0, background=12.0),
        Feature("texture", "tumour.texture", "float", minimum=9.0, maximum=40.0, background=18.0),
    ),
    labels=BENIGN,
    families=("benign", "malignant"),
    proof="labels",
    proved={"rows": 114, "accuracy": 0.97, "guessing_accuracy": 0.62, "macro_f1": 0.96, "guessing_macro_f1": 0.38},
)
SEVERAL = replace(
    TUMOUR,
    name="pumps",
    dataset="pumps",
    event=EventWords(("host",), ("info",), ("host",), ("indicator",)),
    labels=(
        Label("hot", "wear", 73, threshold=0.2),
        Label("loud", "wear", 47),
        Label("leaking", "leak", 99),
        Label("healthy", "healthy", 0),
    ),
    families=("wear", "leak", "healthy"),
    several_labels=True,
)
POWER = ModelContract(
    name="power",
    dataset="power",
    event=EventWords(("host",), ("info",), ("host",), ("indicator",)),
    features=(
        Feature("outside", "power.outside_c", "float", minimum=-20.0, maximum=40.0, background=12.0),
        Feature("seen", "power.seen", "float", reads="hour"),
    ),
    labels=TWO,
    families=("normal", "out_of_bounds"),
    task="regression",
    value=ValueOutput("kWh", low=5.0, high=900.0),
)
METRICS = ModelContract(
    name="metrics",
    dataset="metrics",
    event=EventWords(("host",), ("info",), ("host",), ("indicator",)),
    features=(
        Feature("cpu", "metrics.cpu", "float", minimum=0.0, maximum=1.0, background=0.2),
        Feature("cpu_load", "metrics.cpu_load", "float", minimum=0.0, maximum=1.0, background=0.2),
        Feature("memory (used)", "metrics.memory", "float", minimum=0.0, maximum=1.0, background=0.4),
    ),
    labels=(Label("normal", "normal", 0), Label("anomaly", "anomaly", 50)),
    families=("normal", "anomaly"),
    task="anomaly",
    score=ScoreOutput(0.08, measure="mse"),
    proof="labels",
    proved={"rows": 2_000, "roc_auc": 0.98, "guessing_roc_auc": 0.5, "found": 0.9, "false_alerts": 0.004},
)
TASKS: dict[str, ModelContract] = {
    "classification": TUMOUR,
    "several labels": SEVERAL,
    "regression": POWER,
    "regression without bounds": replace(POWER, name="free", value=None),
    "anomaly": METRICS,
    "anomaly below": replace(METRICS, name="likelihood", score=ScoreOutput(-4.5, alerts="below")),
}
"""A contract of format 2 for each task, from domains other than network traffic."""


def documents(contract: ModelContract, n: int, *, end: datetime, hours: float, seed: int = 1) -> Iterator[Document]:
    """Stored documents of a model in the order of their times, the last one at `end`.

    One in a hundred has failed, and the last one is pending.
    """
    chance = random.Random(seed)
    for number in range(n):
        happened = end - timedelta(hours=hours * (n - 1 - number) / max(1, n - 1))
        document = _stored(contract, happened, chance)
        if number == n - 1:
            document["oversight"] = {"status": PENDING}
        elif number % 100 == 50:
            document["oversight"] = {"status": FAILED}
            document["error"] = {"type": "missing_feature", "message": f"field {contract.fields[0]!r} is missing"}
        else:
            _predict(document, contract, happened, chance)
        yield document


def _stored(contract: ModelContract, happened: datetime, chance: random.Random) -> Document:
    document: Document = {
        "@timestamp": _iso(happened),
        "ecs": {"version": ECS_VERSION},
        "event": {
            "kind": "event",
            "category": list(contract.event.category),
            "type": list(contract.event.type),
            "module": "oversight",
            "dataset": f"oversight.{contract.dataset}",
            "original": f"{chance.random():.4f},{chance.random():.4f}",
            "ingested": _iso(happened + timedelta(seconds=1)),
        },
        "user": {"id": f"ward-{chance.randrange(1, 5)}"},
        "host": {"name": f"web-{chance.randrange(1, 7)}"},
        "observer": {"name": "sensor-1"},
    }
    for feature in contract.features:
        root, leaf = feature.field.split(".")
        value = _iso(happened) if feature.reads == "hour" else round(chance.uniform(0, 1), 4)
        document.setdefault(root, {})[leaf] = value
    return document


def _predict(document: Document, contract: ModelContract, happened: datetime, chance: random.Random) -> None:
    odd = chance.random() < 0.08
    prediction = _answer(contract, odd, chance)
    label = next(label for label in contract.labels if label.name == prediction["label"])
    alert = label.severity > 0
    document["oversight"] = {
        "status": ENRICHED,
        "model": {"id": contract.name, "version": "0123456789ab"},
        "prediction": prediction
        | {
            "closest": label.name,
            "family": label.family,
            "unknown": False,
            "at": _iso(happened + timedelta(seconds=3)),
            "delay_s": 2.0,
        },
    }
    document["event"] |= {"severity": label.severity, "risk_score": float(label.severity)}
    if alert:
        names = chance.sample([feature.name for feature in contract.features], 1 + chance.randrange(2))
        document["oversight"]["prediction"]["reasons"] = [
            f"{name} is {chance.uniform(1, 9):.3g}; 95 % of harmless rows have at most 0.9" for name in names
        ]
        document["event"] |= {"kind": "alert", "category": list(contract.event.alert_category)}
        document["rule"] = {"name": label.name, "category": label.family, "ruleset": "oversight"}
        if chance.random() < 0.2:
            verdict = chance.choice(("true_positive", "false_positive"))
            document["oversight"]["feedback"] = {"verdict": verdict, "by": "ana", "at": _iso(happened)}
    if chance.random() < 0.05:
        document["oversight"]["prediction"]["warnings"] = [f"out_of_range:{contract.fields[0]}"]


def _answer(contract: ModelContract, odd: bool, chance: random.Random) -> Document:
    """Label and numbers of one prediction."""
    names = [label.name for label in contract.labels]
    if contract.task == "regression":
        value = round(chance.gauss(950, 30) if odd else chance.gauss(400, 90), 3)
        bounds = contract.value
        beyond = bounds is not None and not (bounds.low or -1e9) <= value <= (bounds.high or 1e9)
        return {"label": names[beyond], "value": value}
    if contract.score is not None:
        below = contract.score.alerts == "below"
        usual = chance.gauss(-2, 0.4) if below else chance.betavariate(2, 90) * 0.9
        score = round((chance.gauss(-7, 0.5) if below else chance.uniform(0.09, 0.4)) if odd else usual, 6)
        threshold = contract.score.threshold or 0.0
        return {"label": names[score < threshold if below else score > threshold], "score": score}
    if contract.several_labels:
        held = sorted(chance.sample(names[:-1], chance.randrange(1, 4)), key=names.index) if odd else names[-1:]
        return _with_top({"label": held[0], "labels": held}, names, chance)
    return _with_top({"label": names[odd]}, names, chance)


def _with_top(prediction: Document, names: list[str], chance: random.Random) -> Document:
    probability = round(chance.uniform(0.6, 1), 6)
    others = [name for name in names if name != prediction["label"]][:2]
    top = [as_word(prediction["label"], probability), *(as_word(name, 1 - probability) for name in others)]
    return prediction | {"probability": probability, "top": top}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
