"""Score an artifact on labelled KDD Cup 99 records with ONNX Runtime and NumPy only.

records ─▶ artifact ─▶ probabilities, novelty ─▶ verdicts ─┬─▶ labels that the model knows: 23-class figures
                                                           ├─▶ all labels: family figures, cost, alerts
                                                           └─▶ labels that it never saw: what it called them
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from contract.artifact.contract import (
    CATEGORICAL_INPUT,
    NOVELTY_OUTPUT,
    NUMERIC_INPUT,
    PROBABILITIES_OUTPUT,
    ModelContract,
)
from contract.artifact.file import read_file
from contract.artifact.verdict import VerdictRule, Verdicts
from contract.errors import ArtifactError
from contract.kdd99.columns import CATEGORICAL, FAMILIES, NUMERIC
from contract.onnx.session import closed, refusal
from training.data.records import Records
from training.evaluation.tally import by_class, figures, tally

BATCH = 8_192
NOT_A_GRAPH = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    UnicodeDecodeError,
)
"""The exceptions that ONNX Runtime raises for a damaged file; they have no common base class."""


@dataclass(frozen=True)
class Predictions:
    """A model's predictions for some records."""

    probabilities: NDArray[np.float32]
    """Shape (n_records, n_labels)."""
    novelty: NDArray[np.float32]
    """Shape (n_records,); 0 if the model measures no novelty."""


def open_artifact(path: Path) -> tuple[onnxruntime.InferenceSession, ModelContract]:
    """Open a session for an artifact, and read its contract.

    Raises:
        ArtifactError: the file is no artifact, or its model does not read KDD Cup 99.
    """
    model = read_file(path)
    options = closed(onnxruntime.SessionOptions())
    options.log_severity_level = 4  # its errors come as exceptions
    try:
        session = onnxruntime.InferenceSession(
            model.data, options, providers=["CPUExecutionProvider"], enable_fallback=False
        )
    except NOT_A_GRAPH as error:
        raise ArtifactError(f"{path}: {refusal(error, onnxruntime.__version__)}") from None
    contract = model.contract
    columns = {feature.name for feature in contract.features}
    foreign = sorted(columns.difference(NUMERIC, CATEGORICAL))
    if foreign:
        raise ArtifactError(
            f"{path} has the features {', '.join(foreign[:3])}, which KDD Cup 99 does not have; evaluate measures "
            f"only models of KDD columns"
        )
    strange = sorted(set(contract.families) - set(FAMILIES))
    if strange:
        raise ArtifactError(
            f"{path} has the families {', '.join(strange[:3])}, which KDD Cup 99 does not have; evaluate measures "
            f"only models with the "
            f"families {', '.join(FAMILIES)}"
        )
    return session, contract


def predict(session: onnxruntime.InferenceSession, contract: ModelContract, records: Records) -> Predictions:
    """Run the records through the graph, `BATCH` at a time. Ignores columns that the model does not read.

    Raises:
        InputError: the records lack a column that the model reads.
    """
    numeric, categorical = records.pick([feature.name for feature in contract.features])
    columns = {NUMERIC_INPUT: numeric, CATEGORICAL_INPUT: categorical.astype(object)}
    inputs = {item.name: columns[item.name] for item in session.get_inputs()}
    outputs = [item.name for item in session.get_outputs()]
    batches = [
        session.run(outputs, {name: values[start : start + BATCH] for name, values in inputs.items()})
        for start in range(0, len(records), BATCH)
    ]
    joined = dict(zip(outputs, map(np.concatenate, zip(*batches, strict=True)), strict=True))
    return Predictions(joined[PROBABILITIES_OUTPUT], joined.get(NOVELTY_OUTPUT, np.zeros(len(records), np.float32)))


def judge(predictions: Predictions, contract: ModelContract) -> Verdicts:
    """Verdicts for the predictions, by the same rule as the enrich service."""
    return VerdictRule(contract)(predictions.probabilities, predictions.novelty)


def evaluate(records: Records, predictions: Predictions, contract: ModelContract) -> dict[str, Any]:
    """The figures of `oversight evaluate`, as JSON values; None if there are no rows for a figure.

    Family, cost and flags are those of the verdict that a document gets; `kdd_cost_closest` uses the closest label.

    Raises:
        InputError: a label belongs to no known family.
    """
    verdicts = judge(predictions, contract)
    all_figures = figures(tally(records, predictions.probabilities, verdicts, contract))
    extra = {name: all_figures.pop(name) for name in ("kdd_cost_closest", "attack_alert_rate", "attack_flag_rate")}
    return plain({"rows": records.n_rows, **all_figures, "unseen": unseen(records, verdicts, contract), **extra})


def by_label(records: Records, predictions: Predictions, contract: ModelContract) -> list[dict[str, Any]]:
    """Precision, recall, F1 and number of records (not rows) of each label of the model, as JSON values."""
    matrix = tally(records.once(), predictions.probabilities, judge(predictions, contract), contract).labels
    return [
        plain(
            {
                "label": row["name"],
                **{key: row[key] for key in ("precision", "recall", "f1")},
                "records": row["support"],
            }
        )
        for row in by_class(matrix, [label.name for label in contract.labels])
    ]


def unseen(records: Records, verdicts: Verdicts, contract: ModelContract) -> dict[str, dict[str, Any]]:
    """For each label that the model never saw: its rows, their closest labels, and how many alert or are flagged."""
    names = [label.name for label in contract.labels]
    by_label: dict[str, dict[str, Any]] = {}
    for label in sorted(set(records.labels.tolist()).difference(names)):
        of_label = records.labels == label
        counts = records.counts[of_label]
        called = np.bincount(verdicts.closest[of_label], weights=counts, minlength=len(names)).astype(int)
        order = [index for index in np.argsort(-called, kind="stable") if called[index]]
        by_label[label] = {
            "rows": int(counts.sum()),
            "called": {names[index]: int(called[index]) for index in order},
            "flagged": int(counts[verdicts.flagged[of_label]].sum()),
            "alerts": int(counts[verdicts.attack[of_label]].sum()),
        }
    return by_label


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values with None instead of NaN, which JSON does not have."""
    return {key: _without_nan(value) for key, value in values.items()}


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain(value)
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
