"""The rules for what only some contracts have: a task's outputs, dates, booleans and missing values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from contract.documents.datasets import DATASET_RULE, is_dataset
from contract.errors import DocumentError

if TYPE_CHECKING:
    from contract.artifact.contract import Feature, ModelContract

DATE_PARTS = ("hour", "weekday", "seconds")
"""Ways to read a number from a date."""
_ECS_WORD = re.compile(r"[a-z][a-z_]{0,49}")


def task_problems(contract: ModelContract) -> Iterator[str]:
    """The problems of a task's labels and outputs."""
    if not is_dataset(contract.dataset):
        yield f"`dataset` is {contract.dataset!r}, and becomes part of the data stream's name; write {DATASET_RULE}"
    yield from _event_problems(contract)
    for key, task in (("value", "regression"), ("score", "anomaly")):
        if getattr(contract, key) is not None and contract.task != task:
            yield f"`{key}` belongs to the task {task!r}, and `task` is {contract.task!r}; leave it out"
    if contract.task == "classification":
        yield from _classification_problems(contract)
        return
    if contract.novelty_threshold is not None:
        yield f"`novelty_threshold` belongs to a classification, and `task` is {contract.task!r}; leave it out"
    if contract.several_labels:
        yield f"`several_labels` belongs to a classification, and `task` is {contract.task!r}; leave it out"
    severities = [label.severity for label in contract.labels]
    if len(severities) != 2 or severities[0] != 0 or severities[1] == 0:
        yield (
            f"`labels` of the task {contract.task!r} must be two: what a document is called that does not alert, with "
            "severity 0, and what one is called that does; write them so, or leave `labels` out"
        )
    yield from _bound_problems(contract)


def _event_problems(contract: ModelContract) -> Iterator[str]:
    """The words become literals of the pipelines' scripts, so nothing else may be in them."""
    for key in ("category", "type", "alert_category", "alert_type"):
        for word in getattr(contract.event, key):
            if not _ECS_WORD.fullmatch(word):
                yield (
                    f"`event.{key}` names {word!r}; write words of ECS, of lower-case letters and `_`, "
                    "such as host or intrusion_detection"
                )


def _bound_problems(contract: ModelContract) -> Iterator[str]:
    value = contract.value
    if value is not None and value.low is not None and value.high is not None and value.low >= value.high:
        yield f"`value` has `low` {value.low:g} and `high` {value.high:g}; write the smaller bound as `low`"
    score = contract.score
    if contract.task == "anomaly" and score is None:
        yield '`score` is missing; write an object such as {"threshold": 0.3, "alerts": "above"}'
    elif score is not None and score.threshold is None and score.quantile is None:
        yield '`score` has no `threshold`; write one, or "quantile": 0.99 to find it in the rows of the conversion'
    elif score is not None and score.quantile is not None and not 0.0 < score.quantile < 1.0:
        yield f"`score` has `quantile` {score.quantile:g}; write the share of rows that do not alert, such as 0.99"


def _classification_problems(contract: ModelContract) -> Iterator[str]:
    labels = contract.labels
    if contract.several_labels and labels and labels[-1].severity != 0:
        yield (
            f"with `several_labels` the last label holds where no other does, and {labels[-1].name!r} has severity "
            f"{labels[-1].severity}; add a harmless label with severity 0 at the end"
        )
    for place, label in enumerate(labels):
        if label.threshold is None:
            continue
        if not 0.0 < label.threshold < 1.0:
            yield f"label {label.name!r}: `threshold` is {label.threshold:g}; write a number between 0 and 1"
        if contract.several_labels and place == len(labels) - 1:
            yield f"label {label.name!r}: it holds where no other label does, so it has no `threshold`; leave it out"
        elif not contract.several_labels and (len(labels) != 2 or place != 1):
            yield (
                f"label {label.name!r}: only the second of two labels, or labels of which several may hold, have a "
                "`threshold`; leave it out"
            )


def input_problems(feature: Feature) -> Iterator[str]:
    """The problems of how a feature is read."""
    if feature.kind == "string":
        if feature.reads != "number":
            yield f"`reads` is {feature.reads!r}, and the feature is a string; leave it out"
        if feature.missing == "flag":
            yield 'a string has no flag for missing values; write "missing": "value" with a word of its own'
        if feature.missing == "value" and not isinstance(feature.missing_value, str):
            yield "`missing_value` is missing; write the word that stands for a missing one"
    elif isinstance(feature.missing_value, str):
        yield f"`missing_value` is {feature.missing_value!r}, and the feature is a float; write a number"
    elif feature.missing == "flag" and feature.missing_value is None:
        yield "`missing_value` is missing; write the number that the model gets beside the flag, such as 0"
    if feature.missing == "error" and feature.missing_value is not None:
        yield '`missing_value` has no effect with "missing": "error"; write "missing": "value"'
    if (feature.reads == "seconds") != bool(feature.origin):
        yield '`origin` and "reads": "seconds" belong together; write both, or neither'
    elif feature.origin and not _is_date_with_zone(feature.origin):
        yield f"`origin` is {feature.origin!r}; write a date with its zone, such as 2026-01-01T00:00:00Z"


def _is_date_with_zone(text: str) -> bool:
    from contract.values import to_date  # here: a circular import at the top

    try:
        to_date("origin", text)
    except DocumentError:
        return False
    return any(mark in text.strip()[10:] for mark in "Z+-")
