"""What a model does and when it alerts, in plain words, for `oversight model` and `oversight check`.

regression, value: unit litres, low 0, high 20 ──▶ "regression, in litres, alerts below 0 or above 20"
"""

from __future__ import annotations

from collections.abc import Iterator

from contract.artifact.contract import Feature, ModelContract
from contract.artifact.task_rules import DATE_PARTS


def task_in_words(contract: ModelContract) -> str:
    """The task and the rule by which a document alerts, in one line."""
    return ", ".join([contract.task, *_rule(contract)])


def _rule(contract: ModelContract) -> Iterator[str]:
    if contract.several_labels:
        yield "several labels may hold"
    for label in contract.labels:
        if label.threshold is not None:
            yield f"{label.name} from a probability of {label.threshold:g} on"
    if contract.task == "regression":
        yield from _bounds(contract)
    score = contract.score
    if score is not None and score.threshold is not None:
        measure = "" if score.measure == "score" else f" ({score.measure})"
        yield f"alerts {score.alerts} a score of {score.threshold:g}{measure}"


def _bounds(contract: ModelContract) -> Iterator[str]:
    value = contract.value
    if value is not None and value.unit:
        yield f"in {value.unit}"
    low, high = (None, None) if value is None else (value.low, value.high)
    bounds = [f"below {low:g}"] if low is not None else []
    bounds += [f"above {high:g}"] if high is not None else []
    yield f"alerts {' or '.join(bounds)}" if bounds else "without bounds, so it never alerts"


def kind_in_words(feature: Feature) -> str:
    """How a feature is read: float, string, boolean, or a part of a date; and whether it may be missing."""
    kind: str = feature.kind if feature.reads == "number" else feature.reads
    kind = f"date, {kind}" if feature.reads in DATE_PARTS else kind
    return kind if feature.missing == "error" else f"{kind}, may be missing"
